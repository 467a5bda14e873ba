#include "daybook/materializer/file_properties.h"

#include <fmt/format.h>

#include <bit>

#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t smallest_user_block = 512;

}  // namespace

void check_file_properties(const FileProperties& file) {
  const std::uint64_t size = file.user_block;
  if (size != 0 && (size < smallest_user_block || !std::has_single_bit(size)))
    throw InvalidError(
        fmt::format("a user block of {} bytes: HDF5 wants 512, 1024, 2048 or another power of two", size));
  if (file.user_block_text.size() > size)
    throw InvalidError(fmt::format("a user block of {} bytes has no room for its text of {}: {} would do", size,
                                   file.user_block_text.size(),
                                   std::max(smallest_user_block, std::bit_ceil(file.user_block_text.size()))));
  if (file.high == FileProperties::Version::earliest)
    throw InvalidError("\"earliest\" as the newest library version: HDF5 has v18, v110 and latest");
  if (file.low > file.high) throw InvalidError("the oldest library version is newer than the newest one");
}

}  // namespace daybook::detail
