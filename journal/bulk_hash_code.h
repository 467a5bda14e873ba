// Compiled once for each kind of processor: see bulk_hash.cc. No templates of the standard library in here: the linker keeps
// one copy of each for the whole program, which must not be one made for AVX2.

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "daybook/journal/bulk_hash.h"

namespace daybook::detail {
namespace {

// So much is copied and then hashed while it is still in the nearest cache.
constexpr std::size_t block_bytes = std::size_t{8} << 10;

std::uint64_t hash(const std::byte* data, std::size_t size) { return XXH3_64bits(data, size); }

std::uint64_t copy_and_hash(std::byte* to, const BulkPiece* pieces, std::size_t count, std::uint64_t* first_hash) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t at = 0; at < pieces[i].size;) {
      const std::size_t rest = pieces[i].size - at;
      const std::size_t size = rest < block_bytes ? rest : block_bytes;
      std::memcpy(to, pieces[i].data + at, size);
      XXH3_64bits_update(&state, to, size);
      at += size;
      to += size;
    }
    if (i == 0 && first_hash != nullptr) *first_hash = XXH3_64bits_digest(&state);
  }
  return XXH3_64bits_digest(&state);
}

}  // namespace
}  // namespace daybook::detail
