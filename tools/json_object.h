#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "tools/json_text.h"

namespace daybook {

// One JSON object on one line, member by member. A library for documents would refuse keys that are no Unicode text.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) {
    start(name);
    append_json_string(text_, value);
    return *this;
  }
  template <class Number>
  JsonObject& number(std::string_view name, Number value) {
    return json(name, fmt::format("{}", value));
  }
  JsonObject& boolean(std::string_view name, bool value) { return json(name, value ? "true" : "false"); }
  // `value` is JSON already.
  JsonObject& json(std::string_view name, std::string_view value) {
    start(name);
    text_ += value;
    return *this;
  }
  [[nodiscard]] std::string str() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  void start(std::string_view name) {
    text_ += text_.empty() ? "{" : ", ";
    append_json_string(text_, name);
    text_ += ": ";
  }

  std::string text_;
};

// [a, b, c] of what is JSON already.
template <class Range>
std::string json_array(const Range& items) {
  return fmt::format("[{}]", fmt::join(items, ", "));
}

}  // namespace daybook
