#include "daybook/materializer/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace daybook {
namespace {

// Debian 12's packages, by what is in them: python3-hdf5plugin has no plug-in, so none brings zstd, and that of
// hdf5-plugin-lzf cannot be loaded, as it is not linked to liblzf.
constexpr std::string_view no_package = "none";
constexpr std::array<KnownFilter, 13> filters = {{
    {"gzip", 1, "", true},
    {"shuffle", 2, "", false},
    {"fletcher32", 3, "", false},
    {"szip", szip_filter, "", false},
    {"nbit", nbit_filter, "", false},
    {"scale-offset", scale_offset_filter, "", false},
    {"bzip2", 307, "hdf5-filter-plugin", true},
    {"lzf", 32000, "bitshuffle", true},
    {"blosc", 32001, "hdf5-filter-plugin-blosc-serial", false},
    {"lz4", 32004, "hdf5-filter-plugin", true},
    {"bitshuffle", bitshuffle_filter, "bitshuffle", false},
    {"zfp", zfp_filter, "hdf5-filter-plugin-zfp-serial", false},
    {"zstd", 32015, no_package, true},
}};

}  // namespace

std::span<const KnownFilter> known_filters() { return filters; }

const KnownFilter* find_filter(std::string_view name) {
  if (name == "deflate") name = "gzip";
  const auto* found =
      std::find_if(filters.begin(), filters.end(), [&](const auto& filter) { return filter.name == name; });
  return found == filters.end() ? nullptr : found;
}

const KnownFilter* find_filter(std::int32_t id) {
  const auto* found = std::find_if(filters.begin(), filters.end(), [&](const auto& filter) { return filter.id == id; });
  return found == filters.end() ? nullptr : found;
}

std::string filter_text(std::int32_t id) {
  const KnownFilter* known = find_filter(id);
  return known == nullptr ? fmt::format("filter {}", id) : fmt::format("filter {} ({})", known->name, id);
}

std::string filter_advice(std::int32_t id) {
  const KnownFilter* known = find_filter(id);
  if (known == nullptr || known->package == no_package)
    return "no Debian package brings it; put its plug-in into a folder that HDF5_PLUGIN_PATH names";
  if (known->package.empty()) return "this HDF5 was built without it; install Debian's libhdf5";
  return fmt::format("install the Debian package {}", known->package);
}

}  // namespace daybook
