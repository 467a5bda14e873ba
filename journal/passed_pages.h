#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace daybook::detail {

// Gives back the memory of mapped pages that have been read, so that reading a journal from end to end does not make the
// process as large as the journal. What is looked at again comes back from the page cache.
class PassedPages {
 public:
  // `value` will be read now; those before it have been.
  void add(std::span<const std::byte> value) {
    if (bytes_ >= at_a_time) give_back();
    const auto begin = reinterpret_cast<std::uintptr_t>(value.data());
    lowest_ = std::min(lowest_, begin);
    highest_ = std::max(highest_, begin + value.size());
    bytes_ += value.size();
  }

  static void give_back(std::span<const std::byte> range) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto first = reinterpret_cast<std::uintptr_t>(range.data());
    // Advice: nothing depends on its being taken.
    ::madvise(reinterpret_cast<void*>(first / page * page), first % page + range.size(), MADV_DONTNEED);
  }

 private:
  static constexpr std::uint64_t at_a_time = std::uint64_t{16} << 20;

  void give_back() {
    give_back({reinterpret_cast<const std::byte*>(lowest_), highest_ - lowest_});
    *this = PassedPages();
  }

  std::uintptr_t lowest_ = ~std::uintptr_t{0};
  std::uintptr_t highest_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace daybook::detail
