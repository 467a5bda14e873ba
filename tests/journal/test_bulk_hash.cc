// Both ways of copying and hashing at once give what the library says of the copy.
#include <xxhash.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "daybook/journal/bulk_hash.h"

using namespace daybook::detail;

TEST_CASE("what is copied and hashed at once has the library's hash") {
  std::vector<const BulkHash*> kinds{&bulk_hash_plain, &bulk_hash()};
  std::mt19937_64 random(11);
  std::vector<std::byte> from(1'000'000), to(4 * from.size());
  for (auto& byte : from) byte = static_cast<std::byte>(random());
  for (const auto* kind : kinds) {
    for (int round = 0; round < 3000; ++round) {
      // Sizes around a stripe (64), a block (1024) and the bounds within, in one piece or several, aligned or not.
      const auto size_of = [&]() -> std::size_t {
        switch (random() % 5) {
          case 0:
            return random() % 300;
          case 1:
            return 1024 * (random() % 8) + random() % 3;
          case 2:
            return 64 * (random() % 100) + random() % 2;
          case 3:  // past the caches, some of them
            return round % 10 == 0 ? 250'000 + random() % 400'000 : random() % 3000;
          default:
            return random() % 40'000;
        }
      };
      std::vector<BulkPiece> pieces;
      std::size_t total = 0;
      for (std::size_t count = 1 + random() % 4; count != 0; --count) {
        pieces.push_back({from.data() + random() % 1000, size_of()});
        total += pieces.back().size;
      }
      const auto shift = random() % 32;
      CAPTURE(kind == &bulk_hash_plain, pieces.size(), pieces.front().size, total, shift);
      auto* const at = to.data() + shift;
      std::uint64_t first = 0;
      const auto all = kind->copy_and_hash(at, pieces.data(), pieces.size(), round % 2 == 0 ? &first : nullptr);
      REQUIRE(all == XXH3_64bits(at, total));
      if (round % 2 == 0) REQUIRE(first == XXH3_64bits(at, pieces.front().size));
      REQUIRE(kind->hash(at, total) == all);
      const auto* end = at;
      for (const auto& piece : pieces) {
        REQUIRE((piece.size == 0 || std::memcmp(end, piece.data, piece.size) == 0));
        end += piece.size;
      }
    }
  }
}
