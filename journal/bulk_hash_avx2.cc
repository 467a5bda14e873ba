// The same for processors with AVX2, which hash about three times as fast with it. Where the compiler cannot do that, it is the
// plain code once more.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DAYBOOK_HAS_AVX2
#pragma GCC target("avx2")
#endif

#include "daybook/journal/bulk_hash.inc"

#ifdef DAYBOOK_HAS_AVX2
#include <immintrin.h>
#endif

namespace daybook::detail {

#ifdef DAYBOOK_HAS_AVX2

namespace {

// XXH3 of more than 240 bytes, as its specification has it (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), but each vector is
// stored as soon as it was loaded: the library's own loop would have to read again what a copy has just written. A test
// compares it with the library.
constexpr std::size_t stripe = 64, secret_bytes = 192, stripes_per_block = (secret_bytes - stripe) / 8;
constexpr std::size_t block = stripe * stripes_per_block;
constexpr std::uint64_t prime32_1 = 0x9E3779B1, prime32_2 = 0x85EBCA77, prime32_3 = 0xC2B2AE3D;
constexpr std::uint64_t prime64_1 = 0x9E3779B185EBCA87, prime64_2 = 0xC2B2AE3D27D4EB4F, prime64_3 = 0x165667B19E3779F9,
                        prime64_4 = 0x85EBCA77C2B2AE63, prime64_5 = 0x27D4EB2F165667C5;

struct Secret {
  std::uint8_t bytes[secret_bytes];
  Secret() { XXH3_generateSecret_fromSeed(bytes, 0); }
};

const Secret& secret() {
  static const Secret made;
  return made;
}

// const void*: GCC's vector types do not alias bytes otherwise.
__m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
void store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }
void stream(void* to, __m256i value) { _mm256_stream_si256(static_cast<__m256i*>(to), value); }

// So much in one piece, and more, is stored past the caches: memory that is not in them need not be read before it is written,
// which is a quarter of what a picture costs.
constexpr std::size_t least_streamed = std::size_t{256} << 10;
constexpr std::size_t streamed_ahead = 1024;  // the source is fetched so far ahead, while the stores are waited for

// What begins `words` 64-bit words into `before` and goes on in `after`; all of `after` for none.
template <int words>
__m256i joined(__m256i before, __m256i after) {
  if constexpr (words == 0) return after;
  constexpr int order = words | ((words + 1) % 4) << 2 | ((words + 2) % 4) << 4 | ((words + 3) % 4) << 6;
  return _mm256_permute4x64_epi64(_mm256_blend_epi32(before, after, (1 << 2 * words) - 1), order);
}

__m256i accumulated(__m256i sum, __m256i data, __m256i key) {
  const __m256i mixed = _mm256_xor_si256(data, key);
  const __m256i product = _mm256_mul_epu32(mixed, _mm256_srli_epi64(mixed, 32));
  const __m256i swapped = _mm256_shuffle_epi32(data, _MM_SHUFFLE(1, 0, 3, 2));
  return _mm256_add_epi64(product, _mm256_add_epi64(sum, swapped));
}

__m256i scrambled(__m256i sum, __m256i key) {
  const __m256i prime = _mm256_set1_epi32(static_cast<int>(prime32_1));
  const __m256i mixed = _mm256_xor_si256(_mm256_xor_si256(sum, _mm256_srli_epi64(sum, 47)), key);
  const __m256i low = _mm256_mul_epu32(mixed, prime);
  const __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(mixed, 32), prime);
  return _mm256_add_epi64(low, _mm256_slli_epi64(high, 32));
}

class Sum {
 public:
  Sum()
      : low_(_mm256_setr_epi64x(static_cast<long long>(prime32_3), static_cast<long long>(prime64_1),
                                static_cast<long long>(prime64_2), static_cast<long long>(prime64_3))),
        high_(_mm256_setr_epi64x(static_cast<long long>(prime64_4), static_cast<long long>(prime32_2),
                                 static_cast<long long>(prime64_5), static_cast<long long>(prime32_1))),
        secret_(secret().bytes) {}

  void copy_block(std::byte* to, const std::byte* from) {
    for (std::size_t i = 0; i < stripes_per_block; ++i, to += stripe, from += stripe) {
      const __m256i low = load(from), high = load(from + 32);
      store(to, low);
      store(to + 32, high);
      add(low, high, secret_ + 8 * i);
    }
    scramble();
  }
  // copy_block() of so many, to where the next multiple of a vector's size, which is what streaming stores need, is so many
  // words on. Every byte is loaded once here, too: what is hashed is what was stored.
  template <int words>
  void stream_blocks(std::byte* to, const std::byte* from, std::size_t blocks) {
    std::byte* aligned = words == 0 ? to : to + 8 * words - 32;
    __m256i last{};
    for (std::size_t n = 0; n < blocks; ++n) {
      for (std::size_t i = 0; i < stripes_per_block; ++i, aligned += stripe, from += stripe) {
        _mm_prefetch(reinterpret_cast<const char*>(from + streamed_ahead), _MM_HINT_T0);
        const __m256i low = load(from), high = load(from + 32);
        if (words != 0 && n == 0 && i == 0) {
          store(to, low);
        } else {
          stream(aligned, joined<words>(last, low));
        }
        stream(aligned + 32, joined<words>(low, high));
        last = high;
        add(low, high, secret_ + 8 * i);
      }
      scramble();
    }
    if (words != 0) store(to + blocks * block - 32, last);
    _mm_sfence();  // else whoever is told that it stands there could still see what was there before
  }
  void add_block(const std::byte* from) {
    for (std::size_t i = 0; i < stripes_per_block; ++i, from += stripe)
      add(load(from), load(from + 32), secret_ + 8 * i);
    scramble();
  }
  // Of `size` bytes at `data`, of which so many blocks have been added.
  [[nodiscard]] std::uint64_t finish(const std::byte* data, std::size_t size, std::size_t blocks) const {
    Sum end = *this;
    const std::byte* from = data + blocks * block;
    const std::size_t stripes = (size - 1 - blocks * block) / stripe;
    for (std::size_t i = 0; i < stripes; ++i, from += stripe) end.add(load(from), load(from + 32), secret_ + 8 * i);
    const std::byte* const last = data + size - stripe;
    end.add(load(last), load(last + 32), secret_ + secret_bytes - stripe - 7);
    return end.merged(size);
  }

 private:
  void add(__m256i low, __m256i high, const std::uint8_t* key) {
    low_ = accumulated(low_, low, load(key));
    high_ = accumulated(high_, high, load(key + 32));
  }
  void scramble() {
    const std::uint8_t* const key = secret_ + secret_bytes - stripe;
    low_ = scrambled(low_, load(key));
    high_ = scrambled(high_, load(key + 32));
  }
  [[nodiscard]] std::uint64_t merged(std::size_t size) const {
    std::uint64_t sums[8];
    store(sums, low_);
    store(sums + 4, high_);
    std::uint64_t result = size * prime64_1;
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t key[2];
      std::memcpy(key, secret_ + 11 + 16 * i, sizeof key);
      __extension__ using Wide = unsigned __int128;
      const Wide product = static_cast<Wide>(sums[2 * i] ^ key[0]) * (sums[2 * i + 1] ^ key[1]);
      result += static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }
    result ^= result >> 37U;
    result *= 0x165667919E3779F9;
    return result ^ (result >> 32U);
  }

  __m256i low_, high_;
  const std::uint8_t* secret_;
};

constexpr std::size_t least_fused = 2 * block;

void copy_blocks(Sum& sum, std::byte* to, const std::byte* from, std::size_t blocks) {
  const auto address = reinterpret_cast<std::uintptr_t>(to);
  if (blocks * block < least_streamed || address % 8 != 0) {
    for (std::size_t i = 0; i < blocks; ++i) sum.copy_block(to + i * block, from + i * block);
    return;
  }
  switch (address / 8 % 4) {
    case 0:
      return sum.stream_blocks<0>(to, from, blocks);
    case 1:
      return sum.stream_blocks<3>(to, from, blocks);
    case 2:
      return sum.stream_blocks<2>(to, from, blocks);
    default:
      return sum.stream_blocks<1>(to, from, blocks);
  }
}

std::uint64_t copy_and_hash_at_once(std::byte* to, const BulkPiece* pieces, std::size_t count,
                                    std::uint64_t* first_hash) {
  const std::size_t first = pieces[0].size;
  if (first < least_fused) return copy_and_hash(to, pieces, count, first_hash);
  Sum sum;
  std::size_t blocks = (first - 1) / block;
  copy_blocks(sum, to, pieces[0].data, blocks);
  std::memcpy(to + blocks * block, pieces[0].data + blocks * block, first - blocks * block);
  if (first_hash != nullptr) *first_hash = sum.finish(to, first, blocks);
  std::size_t size = first;
  for (std::size_t i = 1; i < count; ++i) {
    std::memcpy(to + size, pieces[i].data, pieces[i].size);
    size += pieces[i].size;
  }
  for (; blocks < (size - 1) / block; ++blocks) sum.add_block(to + blocks * block);
  return sum.finish(to, size, blocks);
}

}  // namespace

const BulkHash bulk_hash_avx2{hash, copy_and_hash_at_once};

#else

const BulkHash bulk_hash_avx2{hash, copy_and_hash};

#endif

}  // namespace daybook::detail
