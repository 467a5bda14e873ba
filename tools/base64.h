#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>

namespace daybook {

// The bytes that `text` (RFC 4648, padded, no blanks) stands for, in memory from `scratch`, on a multiple of 16.
// InvalidError if it is not base64.
std::span<const std::byte> decode_base64(std::string_view text, std::pmr::memory_resource& scratch);

}  // namespace daybook
