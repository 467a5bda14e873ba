#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace daybook::crash {

// How a forked child ended.
struct Ending {
  bool good = false;    // `work` returned
  bool killed = false;  // by SIGKILL, which the laboratory wanted
  std::string trouble;  // otherwise: what it threw, or the signal
};

// A child takes a fraction of a second. A machine on which others have precedence can stretch that a hundredfold.
inline constexpr std::chrono::seconds patience{180};

// Runs `work` in a child. A child that takes longer is ended: "it hangs".
Ending in_child(const std::function<void()>& work, std::chrono::seconds limit = patience);
// The same in two halves, so that the parent can act meanwhile.
class Child {
 public:
  explicit Child(const std::function<void()>& work, std::chrono::seconds limit = patience);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  void kill();
  Ending wait();

 private:
  int process_ = 0;
  int messages_ = -1;
};

// A folder in memory (or in TMPDIR where there is none), removed at the end.
class Workshop {
 public:
  Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // An empty folder of this name in it.
  [[nodiscard]] std::filesystem::path empty(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

}  // namespace daybook::crash
