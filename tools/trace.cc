#include "tools/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "daybook/journal/error.h"
#include "tools/json_text.h"
#include "tools/moment.h"
#include "tools/trace_held.h"
#include "tools/trace_value.h"

namespace daybook {

using detail::Held;
using nlohmann::json;

namespace {

constexpr std::string_view trace_format = "artiq-dataset-trace";
constexpr std::uint64_t trace_version = 1;
constexpr std::size_t first_scratch = std::size_t{64} << 10;  // most lines need no more, so they allocate nothing
constexpr double latest_time = 9.2e9;                         // seconds that nanoseconds in 64 bits can count

bool flag(const json& line, const char* name) {
  const json& found = trace_member(line, name);
  if (!found.is_boolean()) throw InvalidError(fmt::format("member '{}' is neither true nor false", name));
  return found.get<bool>();
}

double seconds(double value, const char* name) {
  if (!(std::abs(value) < latest_time)) throw InvalidError(fmt::format("'{}' is no time: {}", name, value));
  return value;
}

// A time's bits are exact; the decimal number beside them is for people.
double exact_seconds(const json& line, const char* name, const char* bits_name) {
  if (line.contains(bits_name)) return seconds(decode_float_bits(line.at(bits_name)), bits_name);
  const json& found = trace_member(line, name);
  if (!found.is_number()) throw InvalidError(fmt::format("member '{}' is no number", name));
  return seconds(found.get<double>(), name);
}

Extents<std::int64_t> coordinates(const json& resolved, const char* name) {
  const json& found = trace_member(resolved, name);
  if (!found.is_array()) throw InvalidError(fmt::format("member '{}' is no list", name));
  Extents<std::int64_t> out;
  for (const json& number : found) {
    if (!number.is_number_integer())
      throw InvalidError(fmt::format("member '{}' holds something that is no integer", name));
    out.push_back(number.get<std::int64_t>());
  }
  return out;
}

Region decode_region(const json& resolved, const Value& value) {
  Region region{coordinates(resolved, "start"), coordinates(resolved, "count"), coordinates(resolved, "step")};
  if (region.start.size() != region.count.size() || region.step.size() != region.count.size())
    throw InvalidError("start, count and step of a region differ in length");
  if (value.form() == Form::array || value.form() == Form::objects) {
    const bool fits = std::ranges::equal(region.count, value.shape(), [](std::int64_t a, std::uint64_t b) {
      return a >= 0 && static_cast<std::uint64_t>(a) == b;
    });
    if (!fits) throw InvalidError(fmt::format("a region's value is {}, which is not its count", describe(value)));
  }
  return region;
}

}  // namespace

class TraceDecoder::Impl {
 public:
  explicit Impl(std::string name) : name_(std::move(name)) {}

  const TraceLine& decode(std::string_view text) {
    ++line_number_;
    line_.run.reset();
    line_.events.clear();
    scratch_.release();
    keys_.clear();
    try {
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) throw InvalidError("the line is empty");
      document_ = parse_json(text);
      decode_line();
    } catch (Error& e) {
      e.add_context(where());
      throw;
    } catch (const json::exception& e) {
      throw InvalidError(fmt::format("{}: {}", where(), e.what()));
    }
    return line_;
  }

  [[nodiscard]] std::string where() const { return fmt::format("{}:{}", name_, line_number_); }
  [[nodiscard]] bool has_begun() const { return begun_; }
  [[nodiscard]] bool has_ended() const { return ended_; }

 private:
  void decode_line() {
    if (!document_.is_object()) throw InvalidError("a line is a JSON object");
    const json& n = trace_member(document_, "n");
    if (!n.is_number_unsigned() || n.get<std::uint64_t>() != line_number_)
      throw InvalidError(
          fmt::format("'n' is {} where {} was due: a line is missing or out of order", n.dump(), line_number_));
    line_.n = line_number_;
    const json& t = trace_member(document_, "t");
    if (!t.is_number()) throw InvalidError("member 't' is no number");
    line_.t = seconds(t.get<double>(), "t");
    const std::string& ev = trace_text(document_, "ev");
    if ((line_number_ == 1) != (ev == "header"))
      throw InvalidError(line_number_ == 1 ? "not a trace: its first line is no header" : "a second header");
    if (ended_) throw InvalidError("the trace goes on after its end");
    if (ev != "header" && (ev == "begin") == begun_)
      throw InvalidError(begun_ ? std::string("a second begin") : fmt::format("'{}' comes before 'begin'", ev));
    time_ = std::max(time_, start_ + to_nanoseconds(line_.t) - begun_at_);
    const bool raised = document_.contains("raised");  // such a call changed nothing

    if (ev == "set") return raised ? void() : decode_set();
    if (ev == "append") return raised ? void() : decode_append();
    if (ev == "mutate") return raised ? void() : decode_mutate();
    if (ev == "get") return raised ? void() : decode_get();
    if (ev == "inplace") return decode_inplace();
    if (ev == "stage") return decode_stage();
    if (ev == "get_metadata" || ev == "write") return;
    if (ev == "failed") return decode_failed();
    if (ev == "header") return decode_header();
    if (ev == "begin") return decode_begin();
    if (ev == "end") return decode_end();
    throw InvalidError(fmt::format("there is no event '{}'", ev));
  }

  void decode_header() {
    if (trace_text(document_, "format") != trace_format)
      throw InvalidError(fmt::format("not a trace: its format is not '{}'", trace_format));
    const json& version = trace_member(document_, "version");
    if (!version.is_number_unsigned()) throw InvalidError("member 'version' is no number");
    if (version.get<std::uint64_t>() != trace_version)
      throw UnsupportedError(
          fmt::format("the trace has version {}, this program knows {}", version.dump(), trace_version));
    if (const auto found = document_.find("artiq_version"); found != document_.end() && found->is_string())
      software_version_ = found->get<std::string>();
  }

  void decode_begin() {
    RunInfo run;
    const json& rid = trace_member(document_, "rid");
    if (!rid.is_number_integer()) throw InvalidError("member 'rid' is no integer");
    run.rid = rid.get<std::int64_t>();
    run.class_name = trace_text(document_, "class_name");
    run.expid = trace_text(document_, "expid_pyon");
    run.start_time = exact_seconds(document_, "start_time", "start_time_bits");
    run.software_version = software_version_;
    json& database = document_["database"];
    if (!database.is_object() && !database.is_null()) throw InvalidError("member 'database' is no object");
    if (database.is_object())
      for (auto& [key, value] : database.get_ref<json::object_t&>()) database_.emplace(key, std::move(value));
    start_ = time_ = to_nanoseconds(run.start_time);
    begun_at_ = to_nanoseconds(line_.t);
    begun_ = true;
    line_.run = std::move(run);
  }

  void decode_stage() {
    const std::string& stage = trace_text(document_, "stage");
    emit({}, StageChanged{stage, stage == "run" ? exact_seconds(document_, "run_time", "run_time_bits") : 0});
  }

  void decode_set() {
    const std::string_view key = decode_key();
    const json& spelled = trace_member(document_, "value");
    Set set;
    set.value = decode_value(spelled, scratch_);
    set.metadata = decode_attributes("metadata");
    if (document_.contains("options")) set.options = decode_attributes("options");
    set.broadcast = flag(document_, "broadcast");
    set.persist = flag(document_, "persist");
    set.archive = flag(document_, "archive");
    hold(key, set.value, spelled);
    emit(key, std::move(set));
  }

  std::vector<Attribute> decode_attributes(const char* member) {
    const json& dict = trace_member(document_, member);
    const std::string what = "member '" + std::string(member) + "'";
    if (!dict.is_object() || trace_text(dict, "t") != "dict") throw InvalidError(what + " is no dict");
    const json& pairs = trace_member(dict, "v");
    std::vector<Attribute> attributes;
    if (!pairs.is_array()) throw InvalidError("the dict of " + what + " is no list");
    for (const json& pair : pairs) {
      if (!pair.is_array() || pair.size() != 2)
        throw InvalidError("the dict of " + what + " holds something that is no pair");
      const bool is_text = pair[0].is_object() && trace_text(pair[0], "t") == "str";
      const std::string_view name =
          is_text ? std::string_view(trace_text(pair[0], "v")) : keys_.emplace_back(trace_repr(pair[0]));
      attributes.push_back({name, decode_value(pair[1], scratch_)});
    }
    return attributes;
  }

  void decode_append() {
    const std::string_view key = decode_key();
    Held& held = find_held(key);
    const json& item = trace_member(document_, "value");
    if (held.what == Held::What::unstorable) return replace_unstorable(key, held);
    emit(key, Append{decode_value(item, scratch_)});
  }

  void decode_mutate() {
    const std::string_view key = decode_key();
    Held& held = find_held(key);
    const json& resolved = trace_member(document_, "resolved");
    if (!resolved.is_object()) throw InvalidError("member 'resolved' is no object");
    const std::string& kind = trace_text(resolved, "kind");
    const json& spelled = trace_member(resolved, "value");
    Value value = decode_value(spelled, scratch_);
    if (kind == "full") {
      hold(key, value, spelled);
      return emit(key, Replace{std::move(value)});
    }
    if (kind == "region") {
      const Region region = decode_region(resolved, value);
      if (held.what == Held::What::unstorable) return replace_unstorable(key, held);
      if (value.form() == Form::unstorable) {  // what was put in makes the whole of it unstorable
        hold(key, value, spelled);
        return replace_unstorable(key, find_held(key));
      }
      return emit(key, Mutate{region, std::move(value)});
    }
    if (kind == "item") {
      const json& index = trace_member(resolved, "index");
      if (!index.is_number_unsigned() || index.get<std::uint64_t>() > INT64_MAX)
        throw InvalidError("member 'index' of 'resolved' is no number from 0 on");
      if (held.what == Held::What::unstorable) return replace_unstorable(key, held);
      if (held.what == Held::What::ordinary) return emit(key, MutateItem{index.get<std::uint64_t>(), std::move(value)});
      const Region one{{index.get<std::int64_t>()}, {1}, {1}};
      return emit(key, Mutate{one, detail::encode_element(held.type, spelled, scratch_)});
    }
    throw InvalidError(fmt::format("there is no kind of mutation '{}'", kind));
  }

  void decode_get() {
    const auto archived = document_.find("archived");
    if (archived == document_.end() || *archived != true) return;
    const auto from = document_.find("from");
    if (from == document_.end() || *from != "db") return;
    emit(decode_key(), Archived{decode_value(trace_member(document_, "value"), scratch_)});
  }

  void decode_inplace() {
    const std::string_view key = decode_key();
    const std::string& group = trace_text(document_, "group");
    const json& spelled = trace_member(document_, "value");
    Value value = decode_value(spelled, scratch_);
    if (group == "archive") return emit(key, Archived{std::move(value)});
    if (group != "datasets") throw InvalidError(fmt::format("there is no group '{}'", group));
    find_held(key);
    hold(key, value, spelled);
    emit(key, Replace{std::move(value)});
  }

  void decode_failed() {
    if (!failure_.empty()) return;  // the first failure is the cause of the others
    failure_ = fmt::format("{}: {} in {}", trace_text(document_, "type"), trace_text(document_, "message"),
                           trace_text(document_, "stage"));
  }

  void decode_end() {
    const std::string& status = trace_text(document_, "status");
    if (status == "raised" && !failure_.empty())
      failure_.insert(0, "raised ");
    else
      failure_ = status;
    emit({}, RunEnded{failure_});
    ended_ = true;
  }

  // A key is a text. Python allows others, for which ARTIQ can write no file: they get the name that str() gives them,
  // unless that is another key's.
  std::string_view decode_key() {
    const json& key = trace_member(document_, "key");
    const std::string_view name =
        key.is_string() ? std::string_view(key.get_ref<const std::string&>()) : keys_.emplace_back(trace_repr(key));
    if (key.is_string() && odd_keys_.empty()) return name;
    const auto odd = odd_keys_.find(name);
    const bool other = key.is_string()
                           ? odd != odd_keys_.end()
                           : (odd == odd_keys_.end() ? held_.find(name) != held_.end() : odd->second != key);
    if (other) throw InvalidError(fmt::format("two keys of different types have one name: '{}'", name));
    if (!key.is_string() && odd == odd_keys_.end()) odd_keys_.emplace(name, key);
    return name;
  }

  // What a key holds that is to be changed. One that only the master's database had until now is journaled first, as
  // what it was to the run: broadcast, and not for the file.
  Held& find_held(std::string_view key) {
    if (const auto found = held_.find(key); found != held_.end()) return found->second;
    const auto in_database = database_.find(key);
    if (in_database == database_.end()) throw InvalidError(fmt::format("'{}' is changed, but was never set", key));
    Set set;
    set.value = decode_value(in_database->second, scratch_);
    set.broadcast = true;
    set.archive = false;
    hold(key, set.value, in_database->second);
    emit(key, std::move(set));
    return held_.find(key)->second;
  }

  void hold(std::string_view key, const Value& value, const json& spelled) {
    const auto found = held_.find(key);
    if (found == held_.end())
      held_.emplace(key, Held::of(value, spelled));
    else
      found->second = Held::of(value, spelled);
  }

  void replace_unstorable(std::string_view key, const Held& held) {
    emit(key, Replace{Value::unstorable(held.python_type, "(changed since)")});
  }

  void emit(std::string_view key, EventBody body) {
    Event event;
    event.body = std::move(body);
    event.key = key;
    event.time = time_;
    event.monotonic = std::max<std::int64_t>(1, to_nanoseconds(line_.t));  // 0 would mean the present
    line_.events.push_back(std::move(event));
  }

  std::string name_;
  std::uint64_t line_number_ = 0;
  std::vector<std::byte> first_scratch_ = std::vector<std::byte>(first_scratch);
  std::pmr::monotonic_buffer_resource scratch_{first_scratch_.data(), first_scratch_.size()};
  json document_;
  std::deque<std::string> keys_;  // names made for this line; a deque moves none
  TraceLine line_;
  bool begun_ = false, ended_ = false;
  std::string software_version_, failure_;
  std::map<std::string, json, std::less<>> database_;
  Nanoseconds start_ = 0, begun_at_ = 0, time_ = 0;
  detail::HeldByKey held_;
  std::map<std::string, json, std::less<>> odd_keys_;
};

TraceDecoder::TraceDecoder(std::string name) : impl_(std::make_unique<Impl>(std::move(name))) {}
TraceDecoder::TraceDecoder(TraceDecoder&&) noexcept = default;
TraceDecoder& TraceDecoder::operator=(TraceDecoder&&) noexcept = default;
TraceDecoder::~TraceDecoder() = default;

const TraceLine& TraceDecoder::decode(std::string_view line) { return impl_->decode(line); }
std::string TraceDecoder::where() const { return impl_->where(); }
bool TraceDecoder::has_begun() const { return impl_->has_begun(); }
bool TraceDecoder::has_ended() const { return impl_->has_ended(); }

}  // namespace daybook
