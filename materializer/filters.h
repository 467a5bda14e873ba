#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace daybook {

// A filter that is known by name. Any other can be used by its registered number.
struct KnownFilter {
  std::string_view name;
  std::int32_t id;
  std::string_view package;  // Debian's, that brings it; empty: HDF5 itself; "none": there is none
  bool shuffles;             // compresses numbers better behind a shuffle
};

std::span<const KnownFilter> known_filters();
const KnownFilter* find_filter(std::string_view name);  // also "deflate"; null: not known
const KnownFilter* find_filter(std::int32_t id);

// "filter lzf (32000)", "filter 305"
std::string filter_text(std::int32_t id);
// What to do to have a filter: "install hdf5-plugin-lzf"
std::string filter_advice(std::int32_t id);

inline constexpr std::int32_t szip_filter = 4, nbit_filter = 5, scale_offset_filter = 6, bitshuffle_filter = 32008,
                              zfp_filter = 32013;

}  // namespace daybook
