#pragma once

// Places where the crash laboratory (tests/crash) kills the process, and bugs it plants to see whether it would find
// them. In every other build there is nothing of it.

namespace daybook::detail {

#ifdef DAYBOOK_CRASH_POINTS
// Both are the laboratory's.
void crash_point(const char* name) noexcept;
bool is_planted(const char* bug) noexcept;
#else
constexpr void crash_point(const char* /*name*/) noexcept {}
constexpr bool is_planted(const char* /*bug*/) noexcept { return false; }
#endif

}  // namespace daybook::detail
