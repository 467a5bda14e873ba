#include "daybook/materializer/transform.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

using detail::quote_name;

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

bool is_plain(const OptionValue& value) {
  return !std::holds_alternative<OptionList>(value) && !std::holds_alternative<OptionTable>(value);
}

// A boolean, number, string or a list of one of them.
bool is_any(const OptionValue& value) {
  const auto* list = std::get_if<OptionList>(&value);
  if (list == nullptr) return is_plain(value);
  return !list->empty() && std::all_of(list->begin(), list->end(), [&](const OptionValue& item) {
    return is_plain(item) && item.index() == list->front().index();
  });
}

bool in_range(const OptionInfo& option, const OptionValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number != nullptr && *number >= option.least && *number <= option.most;
}

std::string range_text(const OptionInfo& option) {
  const bool least = option.least != std::numeric_limits<std::int64_t>::min();
  const bool most = option.most != std::numeric_limits<std::int64_t>::max();
  if (least && most) return fmt::format(" from {} to {}", option.least, option.most);
  if (least) return fmt::format(" of at least {}", option.least);
  if (most) return fmt::format(" of at most {}", option.most);
  return {};
}

template <class Held>
bool all_are(const OptionValue& value) {
  const auto* list = std::get_if<OptionList>(&value);
  return list != nullptr && std::all_of(list->begin(), list->end(),
                                        [](const OptionValue& item) { return std::holds_alternative<Held>(item); });
}

bool fits(const OptionInfo& option, const OptionValue& value) {
  switch (option.type) {
    case OptionType::boolean:
      return std::holds_alternative<bool>(value);
    case OptionType::integer:
      return in_range(option, value);
    case OptionType::number:
      return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
    case OptionType::text:
      return std::holds_alternative<std::string>(value);
    case OptionType::choice: {
      const auto* text = std::get_if<std::string>(&value);
      return text != nullptr && std::find(option.choices.begin(), option.choices.end(), *text) != option.choices.end();
    }
    case OptionType::texts:
      return std::holds_alternative<std::string>(value) || all_are<std::string>(value);
    case OptionType::integers: {
      const auto* list = std::get_if<OptionList>(&value);
      return list != nullptr &&
             std::all_of(list->begin(), list->end(), [&](const auto& v) { return in_range(option, v); });
    }
    case OptionType::table: {
      const auto* table = std::get_if<OptionTable>(&value);
      return table != nullptr &&
             std::all_of(table->begin(), table->end(), [](const auto& v) { return is_any(v.second); });
    }
    case OptionType::any:
      return is_any(value);
  }
  return false;
}

std::string wanted_text(const OptionInfo& option) {
  switch (option.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "an integer" + range_text(option);
    case OptionType::number:
      return "a number";
    case OptionType::text:
      return "a string";
    case OptionType::choice:
      return fmt::format("one of \"{}\"", fmt::join(option.choices, "\", \""));
    case OptionType::texts:
      return "a list of strings";
    case OptionType::integers:
      return "a list of integers" + range_text(option);
    case OptionType::table:
      return "a table of names with booleans, numbers, strings or lists of one of them";
    case OptionType::any:
      return "a boolean, a number, a string or a list of one of them";
  }
  return {};
}

// A basic string of TOML, which has no \\x.
std::string toml_string(std::string_view text) {
  const std::string quoted = quote_name(text);
  std::string out;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    out += quoted[i];
    if (quoted[i] != '\\') continue;
    ++i;
    out += quoted[i] == 'x' ? std::string("u00") : std::string(1, quoted[i]);
  }
  return out;
}

struct OptionText {
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
  std::string operator()(double v) const {
    std::string text = fmt::format("{}", v);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  std::string operator()(const std::string& v) const { return toml_string(v); }
  std::string operator()(const OptionList& v) const {
    std::vector<std::string> items;
    for (const OptionValue& item : v) items.push_back(to_text(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  std::string operator()(const OptionTable& v) const {
    std::vector<std::string> items;
    for (const auto& [name, item] : v) items.push_back(toml_string(name) + " = " + to_text(item));
    return fmt::format("{{{}}}", fmt::join(items, ", "));
  }
};

template <class Held>
Value array_of(const OptionList& list) {
  std::vector<Held> items;
  for (const OptionValue& item : list) items.push_back(std::get<Held>(item));
  return Value::array(items.data(), {items.size()}).owned();
}

Value list_value(const OptionList& list) {
  const OptionValue& first = list.front();
  if (std::holds_alternative<std::int64_t>(first)) return array_of<std::int64_t>(list);
  if (std::holds_alternative<double>(first)) return array_of<double>(list);
  if (std::holds_alternative<bool>(first)) {
    const auto bools = std::make_unique<bool[]>(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) bools[i] = std::get<bool>(list[i]);
    return Value::array(bools.get(), {list.size()}).owned();
  }
  std::vector<std::string_view> texts;
  for (const OptionValue& item : list) texts.emplace_back(std::get<std::string>(item));
  return Value::strings({texts.size()}, texts);
}

}  // namespace

std::string to_text(const OptionValue& value) {
  return std::visit(OptionText{}, static_cast<const OptionValue::variant&>(value));
}

CheckedOptions::CheckedOptions(const TransformInfo& info, TransformOptions given)
    : info_(&info), values_(std::move(given)) {
  std::vector<std::string> known;
  for (const OptionInfo& option : info.options) known.push_back(option.name);
  for (const auto& [name, value] : values_)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw OptionError(
          name, fmt::format("transform {} has no option {}{}", info.name, quote_name(name), did_you_mean(name, known)));
  for (const OptionInfo& option : info.options) {
    const auto found = values_.find(option.name);
    if (found != values_.end()) {
      check(option, found->second);
    } else if (option.otherwise) {
      values_.emplace(option.name, *option.otherwise);
    } else if (option.required) {
      throw OptionError(option.name,
                        fmt::format("transform {} needs option {}: {}", info.name, option.name, option.help));
    }
  }
}

void CheckedOptions::check(const OptionInfo& option, const OptionValue& value) const {
  if (!fits(option, value)) wrong(option.name, "must be " + wanted_text(option));
}

void CheckedOptions::wrong(std::string_view name, std::string_view reason) const {
  throw OptionError(std::string(name), fmt::format("transform {}: option {} {}", info_->name, name, reason));
}

const OptionValue& CheckedOptions::get(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw std::logic_error(fmt::format("transform {} asks for an option that is not there: {}", info_->name, name));
  return found->second;
}

bool CheckedOptions::has(std::string_view name) const { return values_.find(name) != values_.end(); }
bool CheckedOptions::boolean(std::string_view name) const { return std::get<bool>(get(name)); }
std::int64_t CheckedOptions::integer(std::string_view name) const { return std::get<std::int64_t>(get(name)); }
const std::string& CheckedOptions::text(std::string_view name) const { return std::get<std::string>(get(name)); }
const OptionTable& CheckedOptions::table(std::string_view name) const { return std::get<OptionTable>(get(name)); }
const OptionValue& CheckedOptions::any(std::string_view name) const { return get(name); }

double CheckedOptions::number(std::string_view name) const {
  const OptionValue& value = get(name);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::get<double>(value);
}

std::vector<std::string> CheckedOptions::texts(std::string_view name) const {
  const OptionValue& value = get(name);
  if (const auto* single = std::get_if<std::string>(&value)) return {*single};
  std::vector<std::string> texts;
  for (const OptionValue& item : std::get<OptionList>(value)) texts.push_back(std::get<std::string>(item));
  return texts;
}

std::vector<std::int64_t> CheckedOptions::integers(std::string_view name) const {
  std::vector<std::int64_t> integers;
  for (const OptionValue& item : std::get<OptionList>(get(name))) integers.push_back(std::get<std::int64_t>(item));
  return integers;
}

Value to_value(const OptionValue& option) {
  if (!is_any(option)) throw InvalidError("a value must be a boolean, a number, a string or a list of one of them");
  if (const auto* list = std::get_if<OptionList>(&option)) return list_value(*list);
  if (const auto* text = std::get_if<std::string>(&option)) return Value(*text).owned();
  if (const auto* flag = std::get_if<bool>(&option)) return Value(*flag);
  if (const auto* whole = std::get_if<std::int64_t>(&option)) return Value(*whole);
  return Value(std::get<double>(option));
}

void TransformRegistry::add(TransformInfo info, Make make) {
  if (info.selects) {
    const std::size_t own = info.options.size();
    for (const OptionInfo& option : selection_options()) {
      const auto end = info.options.begin() + static_cast<std::ptrdiff_t>(own);
      if (std::none_of(info.options.begin(), end, [&](const auto& o) { return o.name == option.name; }))
        info.options.push_back(option);  // else it has a default of its own
    }
  }
  std::string name = info.name;
  if (!entries_.emplace(name, Entry{std::move(info), std::move(make)}).second)
    throw InvalidError(fmt::format("register transform {}: the name is taken", quote_name(name)));
}

const TransformRegistry::Entry& TransformRegistry::find(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw UnsupportedError(fmt::format("unknown transform {}{}", quote_name(name), did_you_mean(name, names())));
  return found->second;
}

Transform TransformRegistry::make(std::string_view name, const TransformOptions& options) const {
  const Entry& entry = find(name);
  return entry.make(CheckedOptions(entry.info, options));
}

const TransformInfo& TransformRegistry::info(std::string_view name) const { return find(name).info; }

std::vector<std::string> TransformRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string_view start = name.substr(0, 100);
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return distance(start, a) < distance(start, b);
  });
  if (nearest == known.end()) return {};
  if (distance(start, *nearest) <= std::max<std::size_t>(2, nearest->size() / 3))
    return fmt::format(" (did you mean \"{}\"?)", *nearest);
  return fmt::format(" (known: {})", fmt::join(known, ", "));
}

}  // namespace daybook
