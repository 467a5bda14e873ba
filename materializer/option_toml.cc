#include "daybook/materializer/option_toml.h"

#include <fmt/format.h>

#include "daybook/materializer/object_path.h"

namespace daybook::detail {

const toml::node* to_option(const toml::node& node, OptionValue& out) {
  if (const auto* flag = node.as_boolean()) {
    out = flag->get();
  } else if (const auto* integer = node.as_integer()) {
    out = std::int64_t{integer->get()};
  } else if (const auto* number = node.as_floating_point()) {
    out = number->get();
  } else if (const auto* text = node.as_string()) {
    out = text->get();
  } else if (const toml::array* list = node.as_array()) {
    OptionList items;
    for (const toml::node& item : *list)
      if (const toml::node* fault = to_option(item, items.emplace_back(false))) return fault;
    out = std::move(items);
  } else if (const toml::table* table = node.as_table()) {
    OptionTable items;
    for (const auto& [key, item] : *table)
      if (const toml::node* fault = to_option(item, items[std::string(key.str())])) return fault;
    out = std::move(items);
  } else {
    return &node;
  }
  return nullptr;
}

OptionValue parse_option(std::string_view text) {
  OptionValue value = false;
  const auto reject = [&](std::string_view why) {
    return InvalidError(fmt::format("{} is no option's value: {}", quote_name(text), why));
  };
  try {
    const toml::table table = toml::parse(fmt::format("value = {}\n", text));
    const toml::node* node = table.get("value");
    if (node == nullptr || table.size() != 1) throw reject("it must be one value");
    if (to_option(*node, value) != nullptr) throw reject("it is a date or a time");
  } catch (const toml::parse_error& e) {
    throw reject(e.description());
  }
  return value;
}

}  // namespace daybook::detail
