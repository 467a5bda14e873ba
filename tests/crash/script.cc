#include "crash/script.h"

#include <charconv>

namespace daybook::crash {

namespace {

enum Key : std::uint8_t { scalar_one, scalar_two, text, array, list, big };
constexpr std::array<const char*, 6> names{"one", "two", "text", "array", "list", "big"};
// A quarter of the smallest intake is 16 KiB.
constexpr std::size_t large_numbers = 2100;
constexpr std::size_t longest_list = 30;

}  // namespace

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  // SplitMix64's last steps: neighbouring seeds give unlike numbers.
  auto x = a * 0x9E3779B97F4A7C15U + b + 0x632BE59BD9B4E019U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

Script::Script(std::uint64_t seed, std::uint32_t thread, unsigned large) : seed_(seed), thread_(thread), large_(large) {
  for (std::size_t i = 0; i < keys_.size(); ++i) keys_[i] = "t" + std::to_string(thread) + "." + names[i];
}

const Event& Script::next() {
  random_.seed(mixed(mixed(seed_, thread_), at_));
  event_ = Event{};
  build();
  ++at_;
  return event_;
}

void Script::set_numbers(std::string_view key, std::size_t count) {
  numbers_.resize(count);
  const auto first = static_cast<double>(random_() % 100000);
  for (std::size_t i = 0; i < count; ++i) numbers_[i] = first + static_cast<double>(i) / 8;
  event_.key = key;
  Set body;
  body.value = Value::array(numbers_.data(), {count});
  event_.body = std::move(body);
}

void Script::build() {
  const auto value = static_cast<std::int64_t>(random_() >> 1U);
  if (random_() % 1000 < large_) return set_numbers(keys_[big], large_numbers + random_() % 4000);
  const auto set = [&](Key key, Value what) {
    event_.key = keys_[key];
    Set body;
    body.value = std::move(what);
    body.broadcast = value % 2 == 0;
    event_.body = std::move(body);
  };
  text_.assign(random_() % 200, static_cast<char>('a' + value % 26));
  text_ += std::to_string(value);
  switch (random_() % 16) {
    case 0:
    case 1:
    case 2:
      return set(scalar_one, value);
    case 3:
      return set(scalar_two, static_cast<double>(value) / 3);
    case 4:
      text_there_ = true;
      return set(text, text_);
    case 5:
      if (!text_there_) return set(scalar_one, value);
      text_there_ = false;
      event_.key = keys_[text];
      event_.body = Remove{};
      return;
    case 6:
      event_.key = keys_[scalar_two];
      event_.body = SetAttribute{"unit", Value(text_)};
      return;
    case 7:
      text_ = keys_[list].substr(0, keys_[list].find('.') + 1) + std::to_string(value);
      event_.body = Checkpoint{text_};
      return;
    case 8:
      if (array_length_ == 0) break;
      event_.key = keys_[array];
      event_.body = Append{Value(static_cast<double>(value))};
      ++array_length_;
      return;
    case 9:
    case 10: {
      if (array_length_ == 0) break;
      const auto count = 1 + random_() % array_length_;
      const auto start = random_() % (array_length_ - count + 1);
      set_numbers(keys_[array], count);
      Mutate body;
      body.region.start.push_back(static_cast<std::int64_t>(start));
      body.region.count.push_back(static_cast<std::int64_t>(count));
      body.region.step.push_back(1);
      body.value = Value::array(numbers_.data(), {count});
      event_.body = std::move(body);
      return;
    }
    case 11:
    case 12:
    case 13:
      event_.key = keys_[list];
      if (list_length_ == 0 || list_length_ > longest_list) {
        list_length_ = 1;
        numbers_.assign(1, static_cast<double>(value));
        Set body;
        body.value = Value::list_of(std::span<const double>(numbers_));
        event_.body = std::move(body);
        return;
      }
      event_.body = Append{Value(value)};
      ++list_length_;
      return;
    case 14:
      if (list_length_ == 0) return set(scalar_one, value);
      event_.key = keys_[list];
      event_.body = MutateItem{random_() % list_length_, Value(value)};
      return;
    default:
      break;
  }
  array_length_ = 1 + random_() % 40;
  set_numbers(keys_[array], array_length_);
}

std::optional<std::uint32_t> thread_of(const Event& event) {
  auto name = event.key;
  if (const auto* checkpoint = std::get_if<Checkpoint>(&event.body)) name = checkpoint->name;
  std::uint32_t thread = 0;
  if (!name.starts_with('t')) return std::nullopt;
  const auto parsed = std::from_chars(name.data() + 1, name.data() + name.size(), thread);
  if (parsed.ec != std::errc() || parsed.ptr == name.data() + name.size() || *parsed.ptr != '.') return std::nullopt;
  return thread;
}

std::string difference(const Event& expected, const Event& found) {
  const auto kind = std::string(kind_name(expected.body));
  if (expected.body.index() != found.body.index()) return kind + " has become " + std::string(kind_name(found.body));
  if (expected.key != found.key) return kind + " of " + std::string(expected.key) + " is of " + std::string(found.key);
  const bool same = std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        const auto& other = std::get<Body>(found.body);
        if constexpr (std::is_same_v<Body, Set>) {
          return body.value == other.value && body.broadcast == other.broadcast && body.archive == other.archive;
        } else if constexpr (std::is_same_v<Body, Mutate>) {
          return body.value == other.value && body.region.start == other.region.start &&
                 body.region.count == other.region.count && body.region.step == other.region.step;
        } else if constexpr (std::is_same_v<Body, MutateItem>) {
          return body.value == other.value && body.index == other.index;
        } else if constexpr (std::is_same_v<Body, Append>) {
          return body.value == other.value;
        } else if constexpr (std::is_same_v<Body, SetAttribute>) {
          return body.value == other.value && body.name == other.name && body.removed == other.removed;
        } else if constexpr (std::is_same_v<Body, Checkpoint>) {
          return body.name == other.name;
        } else {
          return std::is_same_v<Body, Remove>;
        }
      },
      expected.body);
  return same ? "" : kind + " of " + std::string(expected.key) + " has another value";
}

}  // namespace daybook::crash
