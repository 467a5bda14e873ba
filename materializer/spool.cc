#include "daybook/materializer/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

constexpr std::uint64_t tail_bytes = std::uint64_t{256} << 10;
constexpr std::uint64_t page_bytes = 4096, small_bytes = 256;
constexpr std::uint64_t fewest_pages = 64, most_pages = 16384;
constexpr std::uint64_t scatter_block = std::uint64_t{1} << 20;

// $TMPDIR if set; otherwise /var/tmp, which unlike /tmp is never memory.
std::string temporary_folder() {
  const char* chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

int make_nameless_file() {
  const auto folder = temporary_folder();
  std::string path = folder + "/daybook-replay-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0)
    throw_errno("making a temporary file for replay in " + folder + " (TMPDIR chooses another place)", errno);
  ::unlink(path.c_str());
  return file;
}

}  // namespace

void Spool::Free::operator()(std::byte* p) const { std::free(p); }

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
}

void Spool::reserve(std::uint64_t bytes) {
  if (bytes <= capacity_) return;
  const auto wanted = std::max({bytes, std::min(2 * capacity_, memory_bound_), std::uint64_t{256}});
  auto* grown = static_cast<std::byte*>(std::realloc(memory_.get(), wanted));
  if (grown == nullptr) throw std::bad_alloc();
  static_cast<void>(memory_.release());
  memory_.reset(grown);
  capacity_ = wanted;
}

void Spool::move_to_file() {
  file_ = make_nameless_file();
  if (size_ != 0) write_file(0, {memory_.get(), size_});
  file_size_ = size_;
  memory_.reset();
  capacity_ = 0;
  tail_.reserve(tail_bytes);
}

void Spool::write_file(std::uint64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const auto written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_errno("writing a temporary file for replay in " + temporary_folder() + " (TMPDIR chooses another place)",
                  errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void Spool::flush_tail() {
  write_file(file_size_, tail_);
  file_size_ += tail_.size();
  tail_.clear();
}

void Spool::append(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (file_ < 0) {
    if (size_ + bytes.size() <= memory_bound_) {
      reserve(size_ + bytes.size());
      std::memcpy(memory_.get() + size_, bytes.data(), bytes.size());
      size_ += bytes.size();
      return;
    }
    move_to_file();
  }
  if (tail_.size() + bytes.size() > tail_bytes) flush_tail();
  if (bytes.size() >= tail_bytes) {
    write_file(file_size_, bytes);
    file_size_ += bytes.size();
  } else {
    tail_.insert(tail_.end(), bytes.begin(), bytes.end());
  }
  size_ += bytes.size();
}

void Spool::append_zeros(std::uint64_t count) {
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(count, 65536));
  while (count > 0) {
    const auto n = std::min<std::uint64_t>(count, zeros.size());
    append(std::span(zeros).first(n));
    count -= n;
  }
}

void Spool::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (file_ < 0) {
    std::memcpy(memory_.get() + offset, bytes.data(), bytes.size());
    return;
  }
  if (is_small(offset, bytes.size())) {
    std::memcpy(find_page(offset / page_bytes) + offset % page_bytes, bytes.data(), bytes.size());
    pages_[offset / page_bytes % pages_.size()].dirty = true;
    return;
  }
  if (offset < file_size_) {
    empty_pages();
    const auto n = std::min<std::uint64_t>(bytes.size(), file_size_ - offset);
    write_file(offset, bytes.first(n));
    bytes = bytes.subspan(n);
    offset += n;
  }
  if (!bytes.empty()) std::memcpy(tail_.data() + (offset - file_size_), bytes.data(), bytes.size());
}

void Spool::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  if (file_ < 0) {
    std::memcpy(out.data(), memory_.get() + offset, out.size());
    return;
  }
  if (is_small(offset, out.size())) {
    std::memcpy(out.data(), find_page(offset / page_bytes) + offset % page_bytes, out.size());
    return;
  }
  if (offset < file_size_) {
    empty_pages();
    const auto n = std::min<std::uint64_t>(out.size(), file_size_ - offset);
    read_file(offset, out.first(n));
    out = out.subspan(n);
    offset += n;
  }
  if (!out.empty()) std::memcpy(out.data(), tail_.data() + (offset - file_size_), out.size());
}

void Spool::read_file(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const auto got = ::pread(file_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw_errno("reading a temporary file of replay", got < 0 ? errno : EIO);
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

bool Spool::is_small(std::uint64_t offset, std::uint64_t size) const {
  const auto page = offset / page_bytes;
  return size <= small_bytes && (offset + size - 1) / page_bytes == page && (page + 1) * page_bytes <= file_size_;
}

std::byte* Spool::find_page(std::uint64_t number) const {
  if (pages_.empty()) {
    // What had been in memory made room for them.
    const auto count = std::clamp(memory_bound_ / 2 / page_bytes, fewest_pages, most_pages);
    pages_.resize(count);
    page_bytes_.resize(count * page_bytes);
  }
  const auto slot = number % pages_.size();
  auto* bytes = page_bytes_.data() + slot * page_bytes;
  if (pages_[slot].number != number) {
    write_back(slot);
    if (pages_[slot].number == Page{}.number) used_pages_.push_back(slot);
    pages_[slot] = {};
    read_file(number * page_bytes, {bytes, page_bytes});
    pages_[slot].number = number;
  }
  return bytes;
}

void Spool::write_back(std::size_t slot) const {
  if (!pages_[slot].dirty) return;
  write_file(pages_[slot].number * page_bytes, {page_bytes_.data() + slot * page_bytes, page_bytes});
  pages_[slot].dirty = false;
}

void Spool::empty_pages() const {
  for (const auto slot : used_pages_) {
    write_back(slot);
    pages_[slot] = {};
  }
  used_pages_.clear();
}

void Spool::scatter(std::uint64_t offset, std::int64_t stride, std::uint64_t piece, std::uint64_t count,
                    const std::byte* from) {
  const auto distance = static_cast<std::uint64_t>(stride < 0 ? -stride : stride);
  if (file_ < 0 || distance > scatter_block / 4) {
    for (std::uint64_t i = 0; i < count; ++i, from += piece) {
      write(offset + static_cast<std::uint64_t>(static_cast<std::int64_t>(i) * stride), {from, piece});
    }
    return;
  }
  // In a file one read and one write of a block cost less than a write for each piece.
  std::vector<std::byte> block;
  while (count > 0) {
    const auto n = std::min<std::uint64_t>(count, scatter_block / distance);
    const auto span = (n - 1) * distance + piece;
    const auto low = stride < 0 ? offset - (n - 1) * distance : offset;
    block.resize(span);
    read(low, block);
    for (std::uint64_t i = 0; i < n; ++i, from += piece) {
      std::memcpy(block.data() + (stride < 0 ? (n - 1 - i) : i) * distance, from, piece);
    }
    write(low, block);
    count -= n;
    if (count > 0) offset += static_cast<std::uint64_t>(static_cast<std::int64_t>(n) * stride);
  }
}

}  // namespace daybook::detail
