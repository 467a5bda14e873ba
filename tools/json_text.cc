#include "tools/json_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "daybook/journal/error.h"

namespace daybook {
namespace {

// The JSON library takes no lone surrogate, neither escaped nor as bytes. So a text that has one is parsed with each
// replaced by a mark and its four hex digits, and the strings are put right afterwards. A mark that the text held of its
// own is replaced in the same way by itself, which keeps the two apart.
constexpr char32_t mark = 0xFDD0;  // a noncharacter: no text means anything by it
constexpr std::string_view mark_utf8 = "\xEF\xB7\x90";

constexpr bool is_surrogate(char32_t c) { return c >= 0xD800 && c < 0xE000; }
constexpr bool is_high(char32_t c) { return c >= 0xD800 && c < 0xDC00; }
constexpr bool is_low(char32_t c) { return c >= 0xDC00 && c < 0xE000; }

std::optional<char32_t> find_hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  char32_t code = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9')
      code = code * 16 + static_cast<char32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
    else
      return std::nullopt;
  }
  return code;
}

// The code unit of an escape \uXXXX at the start of `text`.
std::optional<char32_t> find_escape(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  return find_hex4(text.substr(2));
}

void append_marked(std::string& out, char32_t code) {
  out += mark_utf8;
  fmt::format_to(std::back_inserter(out), "{:04x}", static_cast<std::uint32_t>(code));
}

void append_three_bytes(std::string& out, char32_t code) {
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

// `text` with its lone surrogates (and marks) marked; empty if it has no lone surrogate.
std::optional<std::string> find_marked(std::string_view text) {
  std::string out;
  bool lone = false;
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with(mark_utf8)) {
      append_marked(out, mark);
      i += mark_utf8.size();
    } else if (text[i] != '\\') {
      out += text[i++];
    } else if (const auto code = find_escape(text.substr(i)); code && *code == mark) {
      append_marked(out, mark);
      i += 6;
    } else if (code && is_surrogate(*code)) {
      const auto next = find_escape(text.substr(i + 6));
      if (is_high(*code) && next && is_low(*next)) {
        out += text.substr(i, 12);
        i += 12;
      } else {
        append_marked(out, *code);
        lone = true;
        i += 6;
      }
    } else {
      out += text.substr(i, 2);  // the escaped character too: it may be a backslash
      i += 2;
    }
  }
  if (!lone) return std::nullopt;
  return out;
}

std::string unmarked(std::string_view text) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(mark_utf8, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    append_three_bytes(out, find_hex4(text.substr(found + mark_utf8.size())).value());
    at = found + mark_utf8.size() + 4;
  }
}

void unmark(nlohmann::json& node) {
  if (node.is_string()) {
    auto& text = node.get_ref<std::string&>();
    if (text.find(mark_utf8) != std::string::npos) text = unmarked(text);
  } else if (node.is_array()) {
    for (auto& item : node) unmark(item);
  } else if (node.is_object()) {
    nlohmann::json::object_t members;
    for (auto& [name, member] : node.get_ref<nlohmann::json::object_t&>()) {
      unmark(member);
      members.emplace(unmarked(name), std::move(member));
    }
    node.get_ref<nlohmann::json::object_t&>() = std::move(members);
  }
}

nlohmann::json parse_plain(std::string_view text) {
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& e) {
    throw InvalidError(e.byte > text.size() ? std::string("is not JSON: it ends too early")
                                            : fmt::format("is not JSON from byte {} on", e.byte));
  } catch (const nlohmann::json::exception&) {
    throw InvalidError("is not JSON: a number is out of range");
  }
}

bool may_have_surrogates(std::string_view text) {
  for (std::size_t at = 0; (at = text.find("\\u", at)) != std::string_view::npos; at += 2)
    if (at + 2 < text.size() && (text[at + 2] | 0x20) == 'd') return true;
  return false;
}

struct CodePoint {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8, nor the bytes of a surrogate
};

CodePoint read_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  char32_t code = first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[bytes] || code > 0x10FFFF) return {};
  return {code, bytes};
}

}  // namespace

nlohmann::json parse_json(std::string_view text) {
  if (may_have_surrogates(text)) {
    if (const auto marked = find_marked(text)) {
      nlohmann::json document;
      try {
        document = parse_plain(*marked);
      } catch (const InvalidError&) {
        throw InvalidError("is not JSON");  // byte positions of the marked text would mislead
      }
      unmark(document);
      return document;
    }
  }
  return parse_plain(text);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    if (c.bytes == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (c.code == '"' || c.code == '\\')
      (out += '\\') += text[i];
    else if (c.code == '\n')
      out += "\\n";
    else if (c.code == '\t')
      out += "\\t";
    else if (c.code < 0x20 || c.code == 0x7F || is_surrogate(c.code))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c.code));
    else
      out += text.substr(i, c.bytes);
    i += c.bytes;
  }
  out += '"';
}

void append_printable(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    if (c.bytes == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[i]));
      ++i;
      continue;
    }
    if (c.code == '\\')
      out += "\\\\";
    else if (c.code == '\n')
      out += "\\n";
    else if (c.code == '\t')
      out += "\\t";
    else if (c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0))
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint32_t>(c.code));
    else if (is_surrogate(c.code))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c.code));
    else
      out += text.substr(i, c.bytes);
    i += c.bytes;
  }
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

}  // namespace daybook
