#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "daybook/journal/reader.h"
#include "daybook/materializer/worker_pool.h"

namespace daybook::detail {

// Checks those of the parts in which bytes of `value` stand.
void check_parts_of(const Value& value, const std::vector<UncheckedPart>& parts);
void check_all(const std::vector<UncheckedPart>& parts);

// The bytes of a value that stands in several records: each is checked when its bytes are first asked for, the next one
// meanwhile by a thread of its own, and what was passed gives its memory back. Any thread may ask.
class PartedBytes {
 public:
  // `parts` in the order of the value's bytes; those of other values are left alone.
  PartedBytes(const Value& value, const std::vector<UncheckedPart>& parts);
  ~PartedBytes();

  // Bytes first … first + count - 1 may be used afterwards. CorruptError.
  void require(std::uint64_t first, std::uint64_t count);

 private:
  struct Part {
    UncheckedPart unchecked;
    std::uint64_t begin = 0, end = 0;  // within the value
    std::mutex checking;
    std::atomic<bool> is_checked = false, is_begun = false, is_released = false;
  };
  void check(Part& part);
  void check_ahead(std::size_t index);

  std::vector<std::unique_ptr<Part>> parts_;
  std::mutex mutex_;
  std::unique_ptr<WorkerPool> ahead_;  // destroyed first: it uses the others
  bool alone_ = false;
};

}  // namespace daybook::detail
