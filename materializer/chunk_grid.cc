#include "daybook/materializer/chunk_grid.h"

#include <algorithm>
#include <cstring>

namespace daybook::detail {

ChunkGrid::ChunkGrid(const Shape& shape, const Shape& chunk, std::uint32_t element_size)
    : shape_(shape), chunk_(chunk), grid_(shape), element_size_(element_size) {
  chunk_bytes_ = element_count(chunk) * element_size;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    grid_[i] = (shape[i] + chunk[i] - 1) / chunk[i];
    count_ *= grid_[i];
  }
  run_axis_ = shape.size() - 1;
  while (run_axis_ > 0 && chunk[run_axis_] == shape[run_axis_]) inner_ *= shape[run_axis_--];
}

Shape ChunkGrid::offset(std::uint64_t index) const {
  Shape out = chunk_;
  for (std::size_t i = out.size(); i-- > 0; index /= grid_[i]) out[i] = index % grid_[i] * chunk_[i];
  return out;
}

Shape ChunkGrid::extent(const Shape& offset) const {
  Shape out = chunk_;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::min(chunk_[i], shape_[i] - offset[i]);
  return out;
}

std::uint64_t ChunkGrid::elements(std::uint64_t index) const { return element_count(extent(offset(index))); }

const std::byte* ChunkGrid::in_place(std::uint64_t index, const std::byte* array) const {
  for (std::size_t i = 0; i < run_axis_; ++i)
    if (chunk_[i] != 1) return nullptr;
  if (elements(index) * element_size_ != chunk_bytes_) return nullptr;
  const std::byte* found = nullptr;
  each_run(index, [&](std::uint64_t first, std::uint64_t, std::uint64_t) { found = array + first * element_size_; });
  return found;
}

void ChunkGrid::prefill(std::uint64_t index, std::span<const std::byte> fill, std::byte* out) const {
  if (elements(index) * element_size_ == chunk_bytes_) return;
  if (fill.empty()) {
    std::memset(out, 0, chunk_bytes_);
    return;
  }
  for (std::uint64_t at = 0; at < chunk_bytes_; at += fill.size()) std::memcpy(out + at, fill.data(), fill.size());
}

void ChunkGrid::gather(std::uint64_t index, const std::byte* array, std::span<const std::byte> fill,
                       std::byte* out) const {
  prefill(index, fill, out);
  each_run(index, [&](std::uint64_t first, std::uint64_t count, std::uint64_t at) {
    std::memcpy(out + at, array + first * element_size_, count * element_size_);
  });
}

void ChunkGrid::gather(std::uint64_t index, const Elements& array, std::span<const std::byte> fill,
                       std::byte* out) const {
  prefill(index, fill, out);
  each_run(index,
           [&](std::uint64_t first, std::uint64_t count, std::uint64_t at) { array.read(first, count, out + at); });
}

}  // namespace daybook::detail
