#include "crash/wire.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace daybook::crash {

Wire::Wire() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  in_ = ends[0];
  out_ = ends[1];
}

Wire::~Wire() {
  if (out_ >= 0) ::close(out_);
  ::close(in_);
}

Report Wire::report() const {
  return [out = out_](const Mark& mark) {
    // One write below PIPE_BUF: whole or not at all, whoever dies.
    if (::write(out, &mark, sizeof mark) != sizeof mark) throw std::runtime_error("nobody listens");
  };
}

std::vector<Mark> Wire::read_all() {
  ::close(std::exchange(out_, -1));
  std::vector<Mark> marks;
  std::array<Mark, 64> some;
  std::size_t have = 0;
  while (true) {
    const auto got = ::read(in_, reinterpret_cast<char*>(some.data()) + have, sizeof some - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return marks;
    have += static_cast<std::size_t>(got);
    const auto whole = have / sizeof(Mark);
    marks.insert(marks.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(whole));
    std::memmove(some.data(), reinterpret_cast<char*>(some.data()) + whole * sizeof(Mark), have % sizeof(Mark));
    have %= sizeof(Mark);
  }
}

}  // namespace daybook::crash
