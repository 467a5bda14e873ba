#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace daybook::detail {

// Bytes at offsets: in memory up to a bound, beyond that in a temporary file that has no name, so that it is gone with
// the process whatever happens to it. One thread at a time. StorageError if the file cannot be made or written.
class Spool {
 public:
  explicit Spool(std::uint64_t memory_bound) : memory_bound_(memory_bound) {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  void append(std::span<const std::byte> bytes);
  void append_zeros(std::uint64_t count);
  // Both within size().
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  // Writes `count` pieces of `piece` bytes to offset, offset + stride, …
  void scatter(std::uint64_t offset, std::int64_t stride, std::uint64_t piece, std::uint64_t count,
               const std::byte* from);
  // Everything, while it is in memory; nullptr afterwards. Until the next append.
  [[nodiscard]] const std::byte* data() const { return file_ < 0 ? memory_.get() : nullptr; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  void reserve(std::uint64_t bytes);
  void move_to_file();
  void flush_tail();
  void write_file(std::uint64_t offset, std::span<const std::byte> bytes) const;
  void read_file(std::uint64_t offset, std::span<std::byte> out) const;
  // Small pieces of the file are read and written through a few pages in memory; whatever is larger empties these first.
  struct Page {
    std::uint64_t number = ~std::uint64_t{0};
    bool dirty = false;
  };
  [[nodiscard]] bool is_small(std::uint64_t offset, std::uint64_t size) const;
  std::byte* find_page(std::uint64_t number) const;
  void write_back(std::size_t slot) const;
  void empty_pages() const;

  std::uint64_t memory_bound_;
  std::uint64_t size_ = 0;
  std::unique_ptr<std::byte, Free> memory_;
  std::uint64_t capacity_ = 0;
  int file_ = -1;
  std::vector<std::byte> tail_;  // the end of the file that has not been written yet, from file_size_ on
  std::uint64_t file_size_ = 0;
  mutable std::vector<Page> pages_;
  mutable std::vector<std::byte> page_bytes_;
  mutable std::vector<std::size_t> used_pages_;  // their places in pages_
};

}  // namespace daybook::detail
