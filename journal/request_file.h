#pragma once

#include <filesystem>
#include <string_view>

#include "daybook/journal/files.h"

namespace daybook::detail {

inline constexpr const char* request_name = "checkpoint-request";

inline std::filesystem::path request_file(const std::filesystem::path& journal) { return journal / request_name; }

// A request, or one that was being written: what may stand in a journal's folder without being a part of the journal.
inline bool is_request(std::string_view file_name) {
  return file_name == request_name ||
         (file_name.starts_with(std::string(".") + request_name + ".") && file_name.ends_with(".part"));
}

}  // namespace daybook::detail
