#include "tools/moment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>

#include "daybook/journal/error.h"

namespace daybook {
namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr double latest_seconds = 9.2e9;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::int64_t floor_seconds(Nanoseconds time) { return time >= 0 ? time / second : -((-time + second - 1) / second); }

// Takes parts of a date from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<int> find_number(std::size_t digits) {
    if (rest_.size() < digits || !all_digits(rest_.substr(0, digits))) return std::nullopt;
    int number = 0;
    std::from_chars(rest_.data(), rest_.data() + digits, number);
    rest_.remove_prefix(digits);
    return number;
  }
  // Digits behind the point, as nanoseconds.
  Nanoseconds fraction() {
    Nanoseconds value = 0, unit = second / 10;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      value += (rest_[0] - '0') * unit;
      unit /= 10;
      rest_.remove_prefix(1);
    }
    return value;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Empty if the text does not start like a date.
std::optional<Nanoseconds> find_date(std::string_view text) {
  Scanner scan(text);
  const auto year = scan.find_number(4);
  if (!year || !scan.skip('-')) return std::nullopt;
  const auto month = scan.find_number(2);
  if (!month || !scan.skip('-')) return std::nullopt;
  const auto day = scan.find_number(2);
  if (!day) return std::nullopt;

  const auto wrong = [&] {
    return InvalidError(fmt::format("'{}' is no time: write 2025-06-15T14:30:05, with Z behind it for UTC", text));
  };
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_isdst = -1;
  Nanoseconds fraction = 0;
  if (scan.skip('T') || scan.skip(' ')) {
    const auto hour = scan.find_number(2);
    if (!hour || !scan.skip(':')) throw wrong();
    const auto minute = scan.find_number(2);
    if (!minute) throw wrong();
    parts.tm_hour = *hour;
    parts.tm_min = *minute;
    if (scan.skip(':')) {
      const auto seconds = scan.find_number(2);
      if (!seconds) throw wrong();
      parts.tm_sec = *seconds;
      if (scan.skip('.')) fraction = scan.fraction();
    }
  }
  const std::tm given = parts;
  std::optional<int> offset;
  if (scan.skip('Z')) offset = 0;
  const bool east = scan.skip('+');
  if (east || scan.skip('-')) {
    const auto hours = scan.find_number(2);
    scan.skip(':');
    const auto minutes = scan.find_number(2);
    if (!hours || !minutes) throw wrong();
    offset = (east ? 1 : -1) * (*hours * 3600 + *minutes * 60);
  }
  const std::time_t whole = offset ? timegm(&parts) - *offset : std::mktime(&parts);
  // The C library turns the 31st of June into the 1st of July.
  const bool exists = parts.tm_mday == given.tm_mday && parts.tm_mon == given.tm_mon && given.tm_hour < 24 &&
                      given.tm_min < 60 && given.tm_sec < 61;
  if (!scan.at_end() || !exists) throw wrong();
  return static_cast<Nanoseconds>(whole) * second + fraction;
}

}  // namespace

At parse_at(std::string_view text) {
  if (text.empty()) return Now{};
  if (all_digits(text)) {
    Sequence sequence = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), sequence).ec != std::errc())
      throw InvalidError(fmt::format("{} is larger than any sequence number", text));
    return AtSequence{sequence};
  }
  if (text.starts_with('@')) {
    double seconds = 0;
    const auto [rest, error] = std::from_chars(text.data() + 1, text.data() + text.size(), seconds);
    if (error != std::errc() || rest != text.data() + text.size() || !(std::abs(seconds) < latest_seconds))
      throw InvalidError(fmt::format("'{}' is no time: behind @ stand seconds since the Unix epoch", text));
    return AtTime{to_nanoseconds(seconds)};
  }
  if (const auto time = find_date(text)) return AtTime{*time};
  return AtCheckpoint{std::string(text)};
}

std::string local_time(Nanoseconds time, int decimals) {
  const std::time_t whole = floor_seconds(time);
  std::tm parts{};
  localtime_r(&whole, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                                 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (decimals > 0)
    text += '.' + fmt::format("{:09}", time - whole * second).substr(0, static_cast<std::size_t>(decimals));
  return text;
}

std::string utc_time(Nanoseconds time) {
  const std::time_t whole = floor_seconds(time);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time - whole * second);
}

Nanoseconds to_nanoseconds(double seconds) {
  if (!(std::abs(seconds) < latest_seconds))
    throw InvalidError(fmt::format("{} seconds are beyond every calendar", seconds));
  const double whole = std::floor(seconds);  // apart, or the product would round to 256 ns
  return static_cast<Nanoseconds>(whole) * second + std::llround((seconds - whole) * 1e9);
}

}  // namespace daybook
