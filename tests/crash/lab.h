#pragma once

// The laboratory's halls. Each returns how many violations it saw, says each with the command that shows it again,
// and adds up what it did.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace daybook::crash {

struct Order {
  std::uint64_t seed = 1;
  std::uint64_t count = 0;           // kills, images, faults; 0: the hall's own idea
  std::string only;                  // a scenario's or point's name
  std::string planted;               // a bug to put in
  std::filesystem::path log;         // power: images of this log instead of a new one
  std::optional<std::uint64_t> nth;  // power: this image only; kill: this kill only
};

struct Tally {
  std::uint64_t runs = 0;    // kills, images, faults
  std::uint64_t events = 0;  // acknowledged ones that were checked
  std::uint64_t violations = 0;
};

Tally run_kills(const Order& order);
Tally run_power_cuts(const Order& order);
Tally run_faults(const Order& order);
Tally run_failures(const Order& order);

}  // namespace daybook::crash
