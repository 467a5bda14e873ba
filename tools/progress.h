#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace daybook {

// A bar on stderr for work that takes over a second; silent when stderr is no terminal. One thread.
class Progress {
 public:
  explicit Progress(std::string doing);
  ~Progress();  // takes the bar off the terminal
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap: may be called often. A total of 0 means that it is not known.
  void update(std::uint64_t done, std::uint64_t total);
  // Takes the bar away, for a line that is to be printed; the next update() shows it again.
  void clear();

 private:
  std::string doing_;
  bool on_terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace daybook
