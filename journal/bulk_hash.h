#pragma once

// XXH3-64 of many bytes, with the widest vectors that this processor has: hashing is most of what a large value costs.

#include <cstddef>
#include <cstdint>

namespace daybook::detail {

struct BulkPiece {
  const std::byte* data;
  std::size_t size;
};

struct BulkHash {
  // XXH3-64 with seed 0.
  std::uint64_t (*hash)(const std::byte* data, std::size_t size);
  // Copies the pieces, one at least, to `to`, one behind the other, each byte once, and hashes what came to stand there.
  // `first_hash`: also of the first piece alone; may be null.
  std::uint64_t (*copy_and_hash)(std::byte* to, const BulkPiece* pieces, std::size_t count, std::uint64_t* first_hash);
};

// Thread-safe.
const BulkHash& bulk_hash();

extern const BulkHash bulk_hash_plain;
extern const BulkHash bulk_hash_avx2;  // only to be called where the processor has AVX2

}  // namespace daybook::detail
