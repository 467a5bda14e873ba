#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "crash/process.h"
#include "crash/recorder.h"

namespace daybook::crash {

// Small stories of a journal's life. Each records one, from its base on, in `log`, in front of it what was promised before.
struct Scenario {
  std::string_view name;
  void (*record)(const Workshop& workshop, std::uint64_t seed, Log& log);
};
std::span<const Scenario> scenarios();

}  // namespace daybook::crash
