#pragma once

#include <string>
#include <string_view>

namespace daybook::detail {

// Where HDF5 puts `key` when it is given to `group`: empty and "." parts vanish, a leading "/" starts at the root, a NUL
// ends the name. InvalidError for a key that leaves no name or is not UTF-8.
std::string object_path(std::string_view group, std::string_view key);

// "/a/b" → "/a"; "/a" → "/".
std::string_view parent_path(std::string_view path);
// "/a/b" → "b".
std::string_view last_name(std::string_view path);
// True if `path` is `group` or below it.
bool is_within(std::string_view path, std::string_view group);

bool is_utf8(std::string_view text);
bool is_ascii(std::string_view text);

// In double quotes, fit for one line: control characters, quotes and bytes that are not UTF-8 are escaped.
std::string quote_name(std::string_view text);

}  // namespace daybook::detail
