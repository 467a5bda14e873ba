#pragma once

// What a thread of the writer does, step by step, made of (seed, thread, number of the step) alone: so the values that a
// journal must hold are known without having been told. A thread has keys of its own: its events come in its order.

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/event.h"

namespace daybook::crash {

class Script {
 public:
  // `large`: how many steps of a thousand are arrays that are too large for the smallest intake.
  Script(std::uint64_t seed, std::uint32_t thread, unsigned large);
  // The next step's event; good until the following call.
  const Event& next();
  // The number of the step that next() will give, from 0.
  [[nodiscard]] std::uint64_t at() const { return at_; }

 private:
  void build();
  void set_numbers(std::string_view key, std::size_t count);

  std::uint64_t seed_;
  std::uint32_t thread_;
  unsigned large_;
  std::uint64_t at_ = 0;
  std::array<std::string, 6> keys_;
  std::uint64_t array_length_ = 0, list_length_ = 0;  // 0: the key is not there
  bool text_there_ = false;
  std::mt19937_64 random_;
  std::vector<double> numbers_;
  std::string text_;
  Event event_;
};

// Whose step an event is; empty for those that the journal makes itself.
std::optional<std::uint32_t> thread_of(const Event& event);
// The parts that a caller gives are equal; otherwise says what differs.
std::string difference(const Event& expected, const Event& found);

std::uint64_t mixed(std::uint64_t a, std::uint64_t b);

}  // namespace daybook::crash
