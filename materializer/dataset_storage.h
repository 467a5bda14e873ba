#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "daybook/materializer/chunk_codec.h"
#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// How one value is kept: a Storage with every choice made, and every wish left out that HDF5 cannot follow for this value.
struct DatasetStorage {
  Storage::Kind kind = Storage::Kind::contiguous;  // never automatic
  Shape chunk;                                     // chunked only
  std::vector<Filter> filters;                     // chunked only
  bool extendible = false;                         // chunked only
  std::vector<std::byte> fill;                     // see fill_bytes(); empty: HDF5's zero
  std::optional<ChunkCodec> codec;                 // chunks can be written by Daybook itself
  bool track_times = false;

  [[nodiscard]] bool is_default() const { return kind == Storage::Kind::contiguous && fill.empty() && !track_times; }
};

// InvalidError, with the reason, for settings that nobody can want. `note` gets the reason why the fill value alone is
// left out, if it is.
DatasetStorage choose_storage(const StoredValue& value, const Storage& wanted, std::string& note);

}  // namespace daybook::detail
