#include "daybook/materializer/transform_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

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

}  // namespace

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

const OptionValue* OptionReader::find(const std::string& name) {
  asked_.insert(name);
  const auto found = options_.find(name);
  return found == options_.end() ? nullptr : &found->second;
}

void OptionReader::wrong(const std::string& name, std::string_view wanted) const {
  throw OptionError(name, fmt::format("transform {}: option {} must be {}", transform_, name, wanted));
}

bool OptionReader::boolean(const std::string& name, bool otherwise) {
  const OptionValue* value = find(name);
  if (value == nullptr) return otherwise;
  if (const bool* given = std::get_if<bool>(value)) return *given;
  wrong(name, "true or false");
}

std::int64_t OptionReader::integer(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                   std::int64_t most) {
  const OptionValue* value = find(name);
  if (value == nullptr) return otherwise;
  const auto* given = std::get_if<std::int64_t>(value);
  if (given != nullptr && *given >= least && *given <= most) return *given;
  wrong(name, fmt::format("an integer from {} to {}", least, most));
}

std::string OptionReader::text(const std::string& name, const std::string& otherwise) {
  const OptionValue* value = find(name);
  if (value == nullptr) return otherwise;
  if (const auto* given = std::get_if<std::string>(value)) return *given;
  wrong(name, "a string");
}

std::string OptionReader::choice(const std::string& name, const std::string& otherwise,
                                 std::span<const std::string_view> choices) {
  const OptionValue* value = find(name);
  if (value == nullptr) return otherwise;
  const auto* given = std::get_if<std::string>(value);
  if (given != nullptr && std::find(choices.begin(), choices.end(), *given) != choices.end()) return *given;
  wrong(name, fmt::format("one of \"{}\"", fmt::join(choices, "\", \"")));
}

std::vector<std::string> OptionReader::texts(const std::string& name, const std::vector<std::string>& otherwise) {
  const OptionValue* value = find(name);
  if (value == nullptr) return otherwise;
  if (const auto* given = std::get_if<std::vector<std::string>>(value)) return *given;
  if (const auto* single = std::get_if<std::string>(value)) return {*single};
  wrong(name, "a list of strings");
}

void OptionReader::done() const {
  for (const auto& [name, value] : options_) {
    if (asked_.contains(name)) continue;
    const std::vector<std::string> known(asked_.begin(), asked_.end());
    throw OptionError(name, fmt::format("transform {} has no option {}{}", transform_, detail::quote_name(name),
                                        did_you_mean(name, known)));
  }
}

}  // namespace daybook
