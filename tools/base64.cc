#include "tools/base64.h"

#include <array>
#include <cstdint>

#include "daybook/journal/error.h"

namespace daybook {
namespace {

constexpr std::uint8_t not_a_digit = 0x80;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(not_a_digit);
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    digits[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}
constexpr std::array<std::uint8_t, 256> digits = make_digits();

}  // namespace

std::span<const std::byte> decode_base64(std::string_view text, std::pmr::memory_resource& scratch) {
  if (text.empty()) return {};
  if (text.size() % 4 != 0) throw InvalidError("base64 text has a length that is not a multiple of four");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t size = text.size() / 4 * 3 - padding;
  auto* const out = static_cast<std::byte*>(scratch.allocate(size + 2, 16));  // the last group writes three bytes

  const auto digit = [&](std::size_t i) -> std::uint32_t { return digits[static_cast<unsigned char>(text[i])]; };
  std::uint32_t seen = 0;
  std::byte* to = out;
  const std::size_t whole = text.size() - (padding != 0 ? 4 : 0);
  const auto put = [&](std::uint32_t group) {
    *to++ = static_cast<std::byte>(group >> 16);
    *to++ = static_cast<std::byte>(group >> 8);
    *to++ = static_cast<std::byte>(group);
  };
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t a = digit(i), b = digit(i + 1), c = digit(i + 2), d = digit(i + 3);
    seen |= a | b | c | d;
    put(a << 18 | b << 12 | c << 6 | d);
  }
  if (padding != 0) {
    const std::uint32_t a = digit(whole), b = digit(whole + 1), c = padding == 1 ? digit(whole + 2) : 0;
    seen |= a | b | c;
    put(a << 18 | b << 12 | c << 6);
  }
  if ((seen & not_a_digit) != 0) throw InvalidError("base64 text has a character that is none of base64");
  return {out, size};
}

}  // namespace daybook
