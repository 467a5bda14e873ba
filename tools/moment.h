#pragma once

#include <string>
#include <string_view>

#include "daybook/journal/reader.h"

namespace daybook {

// A point in a run as a command line gives it: digits are a sequence number; a date and time (2025-06-15T14:30:05.25,
// local unless it ends in Z or +HH:MM) or @SECONDS since the Unix epoch is a time; anything else names a checkpoint;
// nothing is the newest event. InvalidError for a time that does not exist.
At parse_at(std::string_view text);

// 2025-06-15 14:30:05.250000, local.
std::string local_time(Nanoseconds time, int decimals = 6);
// 2025-06-15T12:30:05.250000000Z, for scripts.
std::string utc_time(Nanoseconds time);
Nanoseconds to_nanoseconds(double seconds);

}  // namespace daybook
