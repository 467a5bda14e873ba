#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "daybook/materializer/replay.h"

namespace daybook::detail {

// An array cut into chunks of one shape, numbered in C order; those at the far ends stick out of it.
class ChunkGrid {
 public:
  // Neither shape has a zero.
  ChunkGrid(const Shape& shape, const Shape& chunk, std::uint32_t element_size);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t chunk_bytes() const { return chunk_bytes_; }
  // Index of a chunk's first element.
  [[nodiscard]] Shape offset(std::uint64_t index) const;
  // What of the array is within the chunk at `offset`: less than a chunk at the far ends.
  [[nodiscard]] Shape extent(const Shape& offset) const;
  // Elements of the array within the chunk.
  [[nodiscard]] std::uint64_t elements(std::uint64_t index) const;
  // The chunk in one piece where the array's elements stand, if it is one stretch of them; nullptr otherwise.
  [[nodiscard]] const std::byte* in_place(std::uint64_t index, const std::byte* array) const;

  // Calls copy(first element of the array, elements, byte within the chunk) for each stretch of a chunk.
  template <class Copy>
  void each_run(std::uint64_t index, Copy&& copy) const;

  // A whole chunk; what sticks out is filled with copies of `fill`, one element, or with zeros if it is empty.
  void gather(std::uint64_t index, const std::byte* array, std::span<const std::byte> fill, std::byte* out) const;
  void gather(std::uint64_t index, const Elements& array, std::span<const std::byte> fill, std::byte* out) const;

 private:
  void prefill(std::uint64_t index, std::span<const std::byte> fill, std::byte* out) const;

  Shape shape_, chunk_, grid_;
  std::uint32_t element_size_;
  std::uint64_t count_ = 1, chunk_bytes_;
  std::size_t run_axis_ = 0;  // a run is some indices of this dimension, with all of those behind
  std::uint64_t inner_ = 1;   // elements of one index of it
};

template <class Copy>
void ChunkGrid::each_run(std::uint64_t index, Copy&& copy) const {
  const Shape start = offset(index);
  const Shape extents = extent(start);
  Shape at = start;
  const std::uint64_t run = extents[run_axis_] * inner_;
  while (true) {
    std::uint64_t element = 0, within = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      element = element * shape_[i] + at[i];
      within = within * chunk_[i] + (at[i] - start[i]);
    }
    copy(element, run, within * element_size_);
    std::size_t axis = run_axis_;
    while (axis > 0 && ++at[axis - 1] == start[axis - 1] + extents[axis - 1]) {
      --axis;
      at[axis] = start[axis];
    }
    if (axis == 0) return;
  }
}

}  // namespace daybook::detail
