#pragma once

#include <cstddef>
#include <memory>
#include <span>

struct libdeflate_compressor;

namespace daybook::detail {

class WorkerPool;

struct DeflateEffort {
  int level = 1;    // libdeflate's: 1 (fast) to 12 (small)
  int noise = 400;  // how unevenly bytes may be distributed that are not even tried: 255 is what random ones have,
                    // and every 400 are a thousandth that might have been gained

  friend bool operator==(const DeflateEffort&, const DeflateEffort&) = default;
};

// Makes zlib streams with libdeflate. One thread at a time.
class Deflater {
 public:
  explicit Deflater(DeflateEffort effort);  // std::bad_alloc
  [[nodiscard]] const DeflateEffort& effort() const { return effort_; }
  // Bytes put into `out`; 0 if that would be no fewer than there are in `from`, which is not empty.
  std::size_t compress(std::span<const std::byte> from, std::span<std::byte> out) const;

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
  };
  DeflateEffort effort_;
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

// How many bytes at the front are noise, in which no compression finds anything: of doubles the shuffled low bytes. To
// find that out is several times faster than to try.
std::size_t leading_noise(std::span<const std::byte> bytes, int unevenness);

// What to do for one of zlib's levels, from 1 to 9. libdeflate's levels are not zlib's: what is the fastest that makes
// nothing larger than zlib would depends on the data.
DeflateEffort usual_effort(int zlib_level);

// The same, found out by compressing samples of the data, at least one and none empty; the one that is hardest to
// compress decides. Takes as long as zlib for one sample. `pool` may help; nullptr: this thread alone.
DeflateEffort effort_for(int zlib_level, std::span<const std::span<const std::byte>> samples, WorkerPool* pool);

}  // namespace daybook::detail
