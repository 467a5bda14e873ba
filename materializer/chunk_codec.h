#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "daybook/materializer/deflate.h"
#include "daybook/materializer/plan.h"

namespace daybook::detail {

// HDF5's shuffle: the first bytes of all elements, then all second bytes, … `bytes` are whole elements of `size` bytes.
void shuffle(std::span<const std::byte> bytes, std::size_t size, std::byte* out);

// HDF5's checksum, as its filter appends it (little-endian).
std::uint32_t fletcher32(std::span<const std::byte> bytes);

// Bytes that are not set to anything when they are made, and only ever grow.
class Buffer {
 public:
  std::byte* reserve(std::size_t size);
  void release() {
    bytes_.reset();
    size_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

// HDF5's pipeline [shuffle] [gzip] [fletcher32], each of them at most once, for whole chunks. The result is what HDF5
// itself would read and write, but that gzip is left out of chunks that it would not make smaller.
class ChunkCodec {
 public:
  // No value: a pipeline that only HDF5 itself can run.
  static std::optional<ChunkCodec> of(std::span<const Filter> filters, std::uint32_t element_size);

  [[nodiscard]] bool compresses() const { return level_ > 0; }
  // Fits the work that gzip puts in to the data, of which these are some chunks: the file is then no larger than zlib's
  // at the same level, in as little time as that takes. `pool` may help; the result is the same without.
  void adapt(std::span<const std::span<const std::byte>> samples, WorkerPool* pool);

  struct Encoded {
    std::span<const std::byte> bytes;
    std::uint32_t filter_mask = 0;  // a bit for each filter of the pipeline that was left out
  };
  // One thread's: compressor and buffers.
  class Workspace {
    friend class ChunkCodec;
    const Deflater& deflater(DeflateEffort effort);
    std::optional<Deflater> deflater_;
    Buffer shuffled_;
  };
  // The result is in `raw` itself or in `out`. std::bad_alloc.
  Encoded encode(std::span<const std::byte> raw, Workspace& workspace, Buffer& out) const;

 private:
  std::uint32_t element_size_ = 1;
  bool shuffle_ = false, gzip_ = false, fletcher32_ = false;
  int level_ = 0;  // zlib's
  DeflateEffort effort_;
};

}  // namespace daybook::detail
