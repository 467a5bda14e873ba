#include "daybook/materializer/deflate.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <new>
#include <vector>

#include "daybook/materializer/worker_pool.h"

namespace daybook::detail {
namespace {

constexpr int slow_level = 6;             // of zlib: who asks for more wants a small file rather than a fast one
constexpr int slowest = 12;               // of libdeflate
constexpr std::size_t simple_ratio = 32;  // data that shrinks by this much is compressed fast by every level …
constexpr int simple_level = 4;           // … and wants one that looks for longer repetitions

constexpr std::size_t piece_bytes = std::size_t{32} << 10;  // the window of deflate
constexpr std::size_t stored_bytes = 65535;                 // of one stored block
constexpr std::array<std::uint8_t, 2> zlib_header = {0x78, 0x9c};
constexpr std::size_t checksum_bytes = 4;

constexpr std::size_t tried_beside_zlib = 4;  // efforts: about as long as zlib takes

constexpr int faint_noise = 4500;  // Huffman codes would gain one part in a hundred

// Pearson's test. Random bytes have 255 ± 23.
bool is_even(const std::uint8_t* bytes, double most_unevenness) {
  std::array<std::array<std::uint32_t, 256>, 4> counts{};  // apart, so that equal neighbours do not wait for each other
  for (std::size_t i = 0; i < piece_bytes; i += 4)
    for (std::size_t k = 0; k < 4; ++k) ++counts[k][bytes[i + k]];
  constexpr double expected = static_cast<double>(piece_bytes) / 256;
  double unevenness = 0;
  for (std::size_t value = 0; value < 256; ++value) {
    const double off = counts[0][value] + counts[1][value] + counts[2][value] + counts[3][value] - expected;
    unevenness += off * off / expected;
  }
  return unevenness < most_unevenness;
}

// Whether four bytes come again that were there before; looks at one in eight kinds of them, wherever these stand.
bool repeats(const std::uint8_t* bytes) {
  constexpr int bits = 13;
  constexpr int few = 16;  // random bytes have none
  std::array<std::uint32_t, 1 << bits> seen{};
  int found = 0;
  for (std::size_t i = 0; i + 4 <= piece_bytes; ++i) {
    std::uint32_t four = 0;
    std::memcpy(&four, bytes + i, sizeof four);
    std::uint32_t hash = four * 2246822519U;  // mixed well: counted-up bytes are all of one kind else
    hash = (hash ^ hash >> 15) * 2654435761U;
    if (hash >> 29 != 0) continue;
    std::uint32_t& before = seen[hash >> (29 - bits)];
    if (before == four && ++found == few) return true;
    before = four;
  }
  return false;
}

std::byte* put_stored(std::span<const std::byte> from, std::byte* out) {
  for (std::size_t done = 0; done < from.size();) {
    const std::size_t now = std::min(stored_bytes, from.size() - done);
    *out++ = std::byte{0};  // a stored block, not the last one
    for (const std::size_t length : {now, ~now}) {
      *out++ = static_cast<std::byte>(length & 0xff);
      *out++ = static_cast<std::byte>(length >> 8 & 0xff);
    }
    out = std::copy_n(from.data() + done, now, out);
    done += now;
  }
  return out;
}

std::size_t deflated_by_zlib(int level, std::span<const std::byte> from) {
  uLongf size = compressBound(from.size());
  std::vector<std::byte> out(size);
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(from.data()), from.size(),
                level) != Z_OK)
    throw std::bad_alloc();
  return size;
}

std::size_t deflated(DeflateEffort effort, std::span<const std::byte> from) {
  std::vector<std::byte> out(from.size());
  const std::size_t size = Deflater(effort).compress(from, out);
  return size == 0 ? from.size() : size;
}

// Calls work(0) … work(count - 1), on the threads of `pool` if there is one. One of the exceptions passes.
template <class Work>
void each_in(WorkerPool* pool, std::size_t count, const Work& work) {
  std::vector<std::future<void>> done;
  for (std::size_t i = 0; i < count; ++i) {
    if (pool == nullptr) {
      work(i);
      continue;
    }
    auto task = std::make_shared<std::packaged_task<void()>>([&work, i] { work(i); });
    done.push_back(task->get_future());
    pool->add([task](std::size_t) { (*task)(); });
  }
  for (const auto& one : done) one.wait();  // all of them, also when one has failed: they use what is ours
  for (auto& one : done) one.get();
}

}  // namespace

void Deflater::Free::operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }

Deflater::Deflater(DeflateEffort effort) : effort_(effort), compressor_(libdeflate_alloc_compressor(effort.level)) {
  if (compressor_ == nullptr) throw std::bad_alloc();
}

std::size_t Deflater::compress(std::span<const std::byte> from, std::span<std::byte> out) const {
  const std::size_t most = std::min(out.size(), from.size() - 1);
  const std::size_t noise = leading_noise(from, effort_.noise);
  if (noise == 0) return libdeflate_zlib_compress(compressor_.get(), from.data(), from.size(), out.data(), most);
  const std::size_t blocks = (noise + stored_bytes - 1) / stored_bytes;
  const std::size_t front = zlib_header.size() + noise + 5 * blocks;
  if (front + checksum_bytes >= most) return 0;
  std::memcpy(out.data(), zlib_header.data(), zlib_header.size());
  std::byte* at = put_stored(from.first(noise), out.data() + zlib_header.size());
  const auto rest = from.subspan(noise);
  const std::size_t size =
      libdeflate_deflate_compress(compressor_.get(), rest.data(), rest.size(), at, most - front - checksum_bytes);
  if (size == 0) return 0;
  at += size;
  const std::uint32_t sum = libdeflate_adler32(1, from.data(), from.size());
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::byte>(sum >> shift & 0xff);
  return static_cast<std::size_t>(at - out.data());
}

std::size_t leading_noise(std::span<const std::byte> bytes, int unevenness) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t noise = 0;
  while (noise + piece_bytes <= bytes.size() && is_even(at + noise, unevenness) && !repeats(at + noise))
    noise += piece_bytes;
  return noise;
}

DeflateEffort usual_effort(int zlib_level) { return {.level = zlib_level == 1 ? 1 : zlib_level <= 4 ? 2 : zlib_level}; }

DeflateEffort effort_for(int zlib_level, std::span<const std::span<const std::byte>> samples, WorkerPool* pool) {
  const DeflateEffort usual = usual_effort(zlib_level);
  std::vector<std::size_t> sizes(samples.size());
  each_in(pool, samples.size(), [&](std::size_t i) { sizes[i] = deflated({.level = 1}, samples[i]); });
  const auto hardest_at = std::max_element(sizes.begin(), sizes.end());  // the first of several
  const auto hardest = samples[static_cast<std::size_t>(hardest_at - sizes.begin())];
  if (*hardest_at < hardest.size() / simple_ratio) return {.level = std::max(usual.level, simple_level)};
  std::vector<DeflateEffort> efforts;  // the fastest first
  if (zlib_level <= slow_level) {
    efforts = {{1, faint_noise}, {2, faint_noise}};
    for (int level = 1; level <= slow_level; ++level) efforts.push_back({.level = level});
  } else {
    for (int level = zlib_level; level <= slowest; ++level) efforts.push_back({.level = level});
  }
  // With help some are tried that turn out not to be needed, while zlib, which takes longest, is waited for.
  const std::size_t tries = pool == nullptr ? 0 : std::min<std::size_t>(efforts.size(), tried_beside_zlib);
  std::vector<std::size_t> tried(tries);
  std::size_t most = 0;
  each_in(pool, tries + 1, [&](std::size_t i) {
    if (i == 0)
      most = deflated_by_zlib(zlib_level, hardest);
    else
      tried[i - 1] = deflated(efforts[i - 1], hardest);
  });
  for (std::size_t i = 0; i < efforts.size(); ++i)
    if ((i < tries ? tried[i] : deflated(efforts[i], hardest)) <= most) return efforts[i];
  return usual;
}

}  // namespace daybook::detail
