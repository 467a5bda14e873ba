#include "daybook/materializer/object_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

// Bytes of the UTF-8 sequence at the start of `text`; 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90)) return 0;    // overlong
  if ((lead == 0xed && at(1) >= 0xa0) || (lead == 0xf4 && at(1) >= 0x90)) return 0;  // surrogate, beyond U+10FFFF
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string quote_name(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out += '"';
}

std::string object_path(std::string_view group, std::string_view key) {
  if (!is_utf8(key))
    throw InvalidError(fmt::format("key {} is not valid UTF-8: it cannot name an HDF5 object", quote_name(key)));
  const std::string_view name = key.substr(0, key.find('\0'));
  std::string path;
  if (!name.starts_with('/') && group != "/") path = group;
  const std::size_t bare = path.size();
  for (std::size_t start = 0; start < name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (!part.empty() && part != ".") path.append("/").append(part);
    start = end + 1;
  }
  if (path.size() == bare) throw InvalidError(fmt::format("key {} leaves no name for an HDF5 object", quote_name(key)));
  return path;
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/") : path.substr(0, slash);
}

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_within(std::string_view path, std::string_view group) {
  if (group == "/") return true;
  return path.starts_with(group) && (path.size() == group.size() || path[group.size()] == '/');
}

}  // namespace daybook::detail
