#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace daybook {

// One JSON text as a document. Python writes a lone surrogate, which no Unicode text can hold, as an escape (\ud800);
// such a one arrives as the three bytes that UTF-8's scheme gives it (WTF-8), so that no key or value is changed.
// InvalidError says at which byte the text stops being JSON.
nlohmann::json parse_json(std::string_view text);

// Appends `text` as a JSON string. The bytes of a lone surrogate become its escape again; other bytes that are not
// UTF-8 become U+FFFD each.
void append_json_string(std::string& out, std::string_view text);

// Appends `text` for one line of a terminal: control characters and bytes that are not UTF-8 as escapes.
void append_printable(std::string& out, std::string_view text);
std::string printable(std::string_view text);

}  // namespace daybook
