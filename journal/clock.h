#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace daybook::detail {

// Wall-clock and monotonic time from one clock read: the distance between the two is measured by the committer every
// interval, so a step of the wall clock is followed within one.
class Clock {
 public:
  Clock() { refresh(); }
  void refresh() { distance_.store(read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC), std::memory_order_relaxed); }
  [[nodiscard]] static std::int64_t monotonic() { return read(CLOCK_MONOTONIC); }
  [[nodiscard]] std::int64_t wall(std::int64_t monotonic) const {
    return monotonic + distance_.load(std::memory_order_relaxed);
  }

 private:
  static std::int64_t read(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
  std::atomic<std::int64_t> distance_{0};
};

}  // namespace daybook::detail
