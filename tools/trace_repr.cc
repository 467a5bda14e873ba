#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "tools/trace_value.h"

namespace daybook {
namespace {

using nlohmann::json;

constexpr std::size_t longest_repr = 200;

void append_repr(std::string& out, const json& value);

void append_items(std::string& out, const json& items, std::string_view open, std::string_view close) {
  out += open;
  for (std::size_t i = 0; items.is_array() && i < items.size() && out.size() <= longest_repr; ++i) {
    if (i != 0) out += ", ";
    const json& item = items[i];
    if (item.is_array() && item.size() == 2) {  // of a dict
      append_repr(out, item[0]);
      out += ": ";
      append_repr(out, item[1]);
    } else {
      append_repr(out, item);
    }
  }
  out += close;
}

void append_repr(std::string& out, const json& value) {
  if (!value.is_object()) {
    out += value.is_string() ? value.get<std::string>() : value.is_array() ? "…" : value.dump();
    return;
  }
  static const json none;
  const auto find = [&](const char* name) -> const json& {
    const auto found = value.find(name);
    return found == value.end() ? none : *found;
  };
  const json& tag_member = find("t");
  const std::string tag = tag_member.is_string() ? tag_member.get<std::string>() : "";
  const json& v = find("v");
  if (tag == "none")
    out += "None";
  else if (tag == "bool")
    out += v == true ? "True" : "False";
  else if (tag == "int")
    out += v.is_string() ? v.get<std::string>() : "?";
  else if (tag == "str")
    out += '\'' + (v.is_string() ? v.get<std::string>() : "?") + '\'';
  else if (tag == "list")
    append_items(out, v, "[", "]");
  else if (tag == "tuple")
    append_items(out, v, "(", v.size() == 1 ? ",)" : ")");
  else if (tag == "set")
    append_items(out, v, v.empty() ? "set(" : "{", v.empty() ? ")" : "}");
  else if (tag == "dict")
    append_items(out, v, "{", "}");
  else if (tag == "range")
    append_items(out, v, "range(", ")");
  else if (tag == "slice")
    append_items(out, v, "slice(", ")");
  else if (tag == "ellipsis")
    out += "Ellipsis";
  else if (find("r").is_string())
    out += find("r").get<std::string>();  // float, complex, other
  else if (tag == "ndarray")
    fmt::format_to(std::back_inserter(out), "array(shape {}, dtype {})", find("shape").dump(), find("dtype").dump());
  else
    out += tag + "(…)";
}

}  // namespace

std::string trace_repr(const json& value) {
  std::string out;
  append_repr(out, value);
  if (out.size() <= longest_repr) return out;
  std::size_t end = longest_repr;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;  // not inside a character
  out.resize(end);
  return out + "…";
}

}  // namespace daybook
