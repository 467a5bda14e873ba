#include "daybook/materializer/chunk_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

namespace daybook::detail {
namespace {

constexpr std::size_t checksum_bytes = 4;
constexpr std::size_t min_out = 64;

using Word = std::uint64_t;

// Exchanges rows and columns of 8 × 8 bytes, a word a row.
void transpose(std::array<Word, 8>& rows) {
  constexpr std::array<Word, 3> masks = {0x00ff00ff00ff00ff, 0x0000ffff0000ffff, 0x00000000ffffffff};
  for (std::size_t step = 0; step < 3; ++step) {
    const std::size_t distance = std::size_t{1} << step;
    const std::size_t bits = 8 * distance;
    for (std::size_t i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      Word& a = rows[i];
      Word& b = rows[i + distance];
      const Word swapped = ((a >> bits) ^ b) & masks[step];
      a ^= swapped << bits;
      b ^= swapped;
    }
  }
}

constexpr bool little = std::endian::native == std::endian::little;

// Elements of two bytes: the low and high bytes of four neighbours are brought together in a word.
std::size_t shuffle_pairs(const std::byte* in, std::size_t count, std::byte* out) {
  const auto gather = [](Word word) {  // bytes 0, 2, 4, 6 become bytes 0 to 3
    word &= 0x00ff00ff00ff00ff;
    word = (word | (word >> 8)) & 0x0000ffff0000ffff;
    return (word | (word >> 16)) & 0x00000000ffffffff;
  };
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    Word first = 0, second = 0;
    std::memcpy(&first, in + 2 * i, 8);
    std::memcpy(&second, in + 2 * i + 8, 8);
    const Word low = gather(first) | gather(second) << 32;
    const Word high = gather(first >> 8) | gather(second >> 8) << 32;
    std::memcpy(out + i, &low, 8);
    std::memcpy(out + count + i, &high, 8);
  }
  return whole;
}

// Elements of four bytes, or bytes first … first + 7 of longer ones: eight elements at a time.
template <std::size_t Columns>
std::size_t shuffle_words(const std::byte* in, std::size_t size, std::size_t first, std::size_t count, std::byte* out) {
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    std::array<Word, 8> rows{};
    for (std::size_t k = 0; k < 8; ++k) std::memcpy(&rows[k], in + (i + k) * size + first, Columns);
    transpose(rows);
    for (std::size_t k = 0; k < Columns; ++k) std::memcpy(out + (first + k) * count + i, &rows[k], 8);
  }
  return whole;
}

void shuffle_plainly(const std::byte* in, std::size_t size, std::size_t first_byte, std::size_t end_byte,
                     std::size_t from, std::size_t count, std::byte* out) {
  for (std::size_t byte = first_byte; byte < end_byte; ++byte)
    for (std::size_t i = from; i < count; ++i) out[byte * count + i] = in[i * size + byte];
}

}  // namespace

void shuffle(std::span<const std::byte> bytes, std::size_t size, std::byte* out) {
  const std::size_t count = bytes.size() / size;
  const std::byte* in = bytes.data();
  if (!little) return shuffle_plainly(in, size, 0, size, 0, count, out);
  if (size == 2) return shuffle_plainly(in, size, 0, size, shuffle_pairs(in, count, out), count, out);
  std::size_t byte = 0;
  for (; byte + 8 <= size; byte += 8)
    shuffle_plainly(in, size, byte, byte + 8, shuffle_words<8>(in, size, byte, count, out), count, out);
  if (byte + 4 <= size) {
    shuffle_plainly(in, size, byte, byte + 4, shuffle_words<4>(in, size, byte, count, out), count, out);
    byte += 4;
  }
  shuffle_plainly(in, size, byte, size, 0, count, out);
}

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  constexpr std::size_t until_overflow = 360;
  const auto fold = [](std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); };
  std::uint32_t sum1 = 0, sum2 = 0;
  const std::byte* at = bytes.data();
  for (std::size_t words = bytes.size() / 2; words > 0;) {
    const std::size_t now = std::min(words, until_overflow);
    for (std::size_t i = 0; i < now; ++i, at += 2) {
      sum1 += static_cast<std::uint32_t>(at[0]) << 8 | static_cast<std::uint32_t>(at[1]);
      sum2 += sum1;
    }
    sum1 = fold(sum1);
    sum2 = fold(sum2);
    words -= now;
  }
  if (bytes.size() % 2 != 0) {
    sum1 += static_cast<std::uint32_t>(*at) << 8;
    sum2 += sum1;
    sum1 = fold(sum1);
    sum2 = fold(sum2);
  }
  return fold(sum2) << 16 | fold(sum1);
}

std::byte* Buffer::reserve(std::size_t size) {
  if (size > size_) {
    bytes_.reset();
    size_ = 0;
    bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
    size_ = size;
  }
  return bytes_.get();
}

const Deflater& ChunkCodec::Workspace::deflater(DeflateEffort effort) {
  if (!deflater_ || deflater_->effort() != effort) deflater_.emplace(effort);
  return *deflater_;
}

std::optional<ChunkCodec> ChunkCodec::of(std::span<const Filter> filters, std::uint32_t element_size) {
  ChunkCodec codec;
  codec.element_size_ = element_size;
  std::size_t next = 0;
  const auto take = [&](std::int32_t id) { return next < filters.size() && filters[next].id == id ? next++ : ~0UL; };
  codec.shuffle_ = take(shuffle_filter) != ~0UL;
  if (const std::size_t gzip = take(gzip_filter); gzip != ~0UL) {
    codec.gzip_ = true;
    if (filters[gzip].options.size() != 1 || filters[gzip].options[0] > 9) return std::nullopt;
    codec.level_ = static_cast<int>(filters[gzip].options[0]);
    if (codec.level_ > 0) codec.effort_ = usual_effort(codec.level_);
  }
  codec.fletcher32_ = take(fletcher32_filter) != ~0UL;
  if (next != filters.size()) return std::nullopt;
  return codec;
}

void ChunkCodec::adapt(std::span<const std::span<const std::byte>> samples, WorkerPool* pool) {
  if (level_ == 0) return;
  std::vector<std::vector<std::byte>> shuffled;
  std::vector<std::span<const std::byte>> inputs;
  for (const auto sample : samples) {
    if (shuffle_ && element_size_ > 1) {
      shuffle(sample, element_size_, shuffled.emplace_back(sample.size()).data());
      inputs.emplace_back(shuffled.back());
    } else {
      inputs.push_back(sample);
    }
  }
  effort_ = effort_for(level_, inputs, pool);
}

ChunkCodec::Encoded ChunkCodec::encode(std::span<const std::byte> raw, Workspace& workspace, Buffer& out) const {
  Encoded encoded{raw, 0};
  if (shuffle_ && element_size_ > 1) {
    std::byte* to = workspace.shuffled_.reserve(raw.size());
    shuffle(raw, element_size_, to);
    encoded.bytes = {to, raw.size()};
  }
  if (!gzip_ && !fletcher32_ && encoded.bytes.data() == raw.data()) return encoded;
  std::byte* to = out.reserve(raw.size() + std::max(checksum_bytes, min_out));
  std::size_t size = 0;
  if (gzip_) {
    if (level_ > 0) size = workspace.deflater(effort_).compress(encoded.bytes, {to, raw.size()});
    if (size == 0) encoded.filter_mask = 1U << (shuffle_ ? 1 : 0);
  }
  if (size == 0) {
    std::memcpy(to, encoded.bytes.data(), encoded.bytes.size());
    size = encoded.bytes.size();
  }
  if (fletcher32_) {
    const std::uint32_t sum = fletcher32({to, size});
    for (std::size_t i = 0; i < checksum_bytes; ++i) to[size++] = static_cast<std::byte>(sum >> (8 * i) & 0xff);
  }
  encoded.bytes = {to, size};
  return encoded;
}

}  // namespace daybook::detail
