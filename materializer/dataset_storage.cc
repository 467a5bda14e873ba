#include "daybook/materializer/dataset_storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "daybook/journal/error.h"
#include "daybook/materializer/fill_value.h"
#include "daybook/materializer/hdf5_elements.h"

namespace daybook::detail {
namespace {

using Kind = Storage::Kind;

constexpr std::uint64_t plain_chunk_bytes = std::uint64_t{256} << 10;
// Long enough for bytes of like significance to fill a block of deflate, half of HDF5's chunk cache.
constexpr std::uint64_t filtered_chunk_bytes = std::uint64_t{512} << 10;
constexpr std::uint64_t least_growing_chunk = 4096;  // what an append to a small array would else cost
constexpr std::uint64_t empty_dimension = 1024;      // stands for a dimension without elements, as in h5py
constexpr std::uint64_t most_chunk_bytes = 0xffffffff;
constexpr std::uint64_t most_small_chunks = 1000000, small_chunk = 4096;
// With 4 bytes in front, in a header message that is padded to 8 and ends below 64 KiB. HDF5 itself looks only for the
// end, and writes a few bytes more to files that it cannot read.
constexpr std::uint64_t most_compact_bytes = 65524;

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const std::uint64_t extent : shape) text += fmt::format("{}{}", text.empty() ? "" : ", ", extent);
  return "(" + text + ")";
}

std::uint64_t element_bytes(const Type& type) { return type.is_variable() ? 16 : type.size(); }

Shape automatic_chunk(const StoredValue& value, const Storage& wanted) {
  const auto size = static_cast<std::uint32_t>(element_bytes(value.type));
  std::uint64_t target = wanted.filters.empty() ? plain_chunk_bytes : filtered_chunk_bytes;
  if (wanted.chunk_bytes != 0) target = wanted.chunk_bytes;
  Shape shape = value.shape;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 0) shape[i] = empty_dimension;
  Shape chunk = choose_chunk(shape, size, target);
  if (wanted.extendible && wanted.chunk_bytes == 0) {
    const std::uint64_t bytes = element_count(chunk) * size;
    if (bytes < least_growing_chunk) chunk[0] *= (least_growing_chunk + bytes - 1) / bytes;
  }
  return chunk;
}

Shape explicit_chunk(const StoredValue& value, const Storage& wanted) {
  Shape chunk = wanted.chunk;
  if (chunk.size() != value.shape.size())
    throw InvalidError(
        fmt::format("chunks {} have {} dimensions, the array {}", shape_text(chunk), chunk.size(), value.shape.size()));
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    if (chunk[i] == 0) throw InvalidError(fmt::format("chunks {} have no elements", shape_text(chunk)));
    if (!wanted.extendible) chunk[i] = std::min(chunk[i], value.shape[i]);
  }
  return chunk;
}

void check_chunk(const StoredValue& value, const Shape& chunk) {
  std::uint64_t bytes = element_bytes(value.type), chunks = 1;
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    if (chunk[i] > most_chunk_bytes / bytes)
      throw InvalidError(fmt::format("chunks {} are too large: HDF5's end at 4 GiB", shape_text(chunk)));
    bytes *= chunk[i];
    chunks *= (value.shape[i] + chunk[i] - 1) / chunk[i];  // no more than there are elements
  }
  if (chunks > most_small_chunks && bytes < small_chunk)
    throw InvalidError(
        fmt::format("{} chunks of {} bytes: finding them would take longer than reading them; use larger "
                    "ones",
                    chunks, bytes));
}

void check_filter(const Filter& filter) {
  if (filter.id < 1 || filter.id > 65535)
    throw InvalidError(fmt::format("{} is not a number of an HDF5 filter", filter.id));
  if (filter.id == gzip_filter && (filter.options.size() != 1 || filter.options[0] > 9))
    throw InvalidError("gzip takes one option, a level from 0 to 9");
}

const char* kind_text(Kind kind) { return kind == Kind::compact ? "compact" : "contiguous"; }

void choose_kind(const StoredValue& value, const Storage& wanted, DatasetStorage& chosen) {
  const bool array = value.form != Form::null && !value.shape.empty();
  const bool extendible = wanted.extendible && array;
  const bool filterable = array && value.count() != 0 && !value.type.is_variable();
  const bool chunkable = filterable || extendible;
  const bool asked = !wanted.chunk.empty() || wanted.chunk_bytes != 0 || !wanted.filters.empty();
  if (wanted.kind == Kind::compact || wanted.kind == Kind::contiguous) {
    if (chunkable && (asked || extendible))
      throw InvalidError(fmt::format("{} storage has no chunks, so it takes no {}", kind_text(wanted.kind),
                                     extendible                ? "extendible dimensions"
                                     : !wanted.filters.empty() ? "filters"
                                                               : "chunk shape"));
    if (wanted.kind == Kind::contiguous || value.count() == 0) return;
    const std::uint64_t bytes = value.count() * element_bytes(value.type);
    if (bytes > most_compact_bytes)
      throw InvalidError(fmt::format("{} bytes are too many for compact storage, which holds less than 64 KiB", bytes));
    chosen.kind = Kind::compact;
    return;
  }
  if (!extendible && !(filterable && (asked || wanted.kind == Kind::chunked))) return;
  if (wanted.chunk_bytes > most_chunk_bytes)
    throw InvalidError(fmt::format("chunks of {} bytes are too large: HDF5's end at 4 GiB", wanted.chunk_bytes));
  chosen.kind = Kind::chunked;
  chosen.extendible = extendible;
  chosen.chunk = wanted.chunk.empty() ? automatic_chunk(value, wanted) : explicit_chunk(value, wanted);
  check_chunk(value, chosen.chunk);
  if (value.type.is_variable()) return;
  for (const Filter& filter : wanted.filters) check_filter(filter);
  chosen.filters = wanted.filters;
  if (value.count() != 0) chosen.codec = ChunkCodec::of(chosen.filters, value.type.size());
}

}  // namespace

DatasetStorage choose_storage(const StoredValue& value, const Storage& wanted, std::string& note) {
  DatasetStorage chosen;
  choose_kind(value, wanted, chosen);
  chosen.track_times = wanted.track_times;
  if (!wanted.fill_value || value.form == Form::null) return chosen;
  try {
    chosen.fill = fill_bytes(*wanted.fill_value, value.type);
  } catch (const InvalidError& e) {
    note = e.what();
  }
  return chosen;
}

}  // namespace daybook::detail
