#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace daybook {
namespace {

constexpr auto first_after = std::chrono::seconds(1);
constexpr auto interval = std::chrono::milliseconds(100);
constexpr std::uint64_t bar_width = 40;

}  // namespace

Progress::Progress(std::string doing)
    : doing_(std::move(doing)),
      on_terminal_(isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + first_after) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!on_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + interval;
  shown_ = true;
  if (total == 0) {
    fmt::print(stderr, "\r\033[K{} {}", doing_, done);
    return;
  }
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::uint64_t>(part * static_cast<double>(bar_width));
  fmt::print(stderr, "\r\033[K{} [{}{}] {:3.0f} %", doing_, std::string(filled, '#'),
             std::string(bar_width - filled, '.'), part * 100);
}

}  // namespace daybook
