#include "daybook/materializer/cast.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "daybook/journal/error.h"

namespace daybook::detail {

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t widened = exponent == 0x1f ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

std::uint16_t to_half(long double value) {
  const auto sign = static_cast<unsigned>(std::signbit(value) ? 0x8000 : 0);
  const long double magnitude = std::fabs(value);
  unsigned bits = 0;
  if (std::isnan(value)) {
    bits = 0x7e00;
  } else if (magnitude >= 65520) {  // half-way to the first number beyond the largest
    bits = 0x7c00;
  } else if (magnitude < 0x1p-14L) {
    bits = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, 24)));
  } else {
    // A fraction that rounds up to 2048 carries into the exponent, as it should.
    const int exponent = std::ilogb(magnitude);
    const auto fraction = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    bits = (static_cast<unsigned>(exponent + 15) << 10) + (fraction - 1024);
  }
  return static_cast<std::uint16_t>(sign | bits);
}

namespace {

struct Half {
  std::uint16_t bits;
};

// An x87 long double holds every number of every other kind exactly, so one step through it rounds just once.
using Wide = long double;
constexpr std::size_t block = 256;
constexpr ByteOrder native_order = std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;

template <class T>
T fetch(const std::byte* in, bool swapped) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), in, sizeof(T));
  if (swapped) std::reverse(bytes.begin(), bytes.end());
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

template <class T>
void put(T value, std::byte* out, bool swapped) {
  std::array<std::byte, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));
  if constexpr (std::is_same_v<T, long double>) std::fill(bytes.begin() + 10, bytes.end(), std::byte{0});
  if (swapped) std::reverse(bytes.begin(), bytes.end());
  std::memcpy(out, bytes.data(), sizeof(T));
}

template <class T>
Wide widen(T value) {
  if constexpr (std::is_same_v<T, Half>) {
    return static_cast<Wide>(half_to_float(value.bits));
  } else {
    return static_cast<Wide>(value);
  }
}

template <class T>
T narrow(Wide value) {
  if constexpr (std::is_same_v<T, Half>) {
    return {to_half(value)};
  } else if constexpr (std::is_integral_v<T>) {
    // Beyond 64 bits C leaves the result open; this is what x86 gives.
    if (value >= 0x1p63L && value < 0x1p64L) return static_cast<T>(static_cast<std::uint64_t>(value));
    if (!(value >= -0x1p63L && value < 0x1p63L)) return static_cast<T>(std::numeric_limits<std::int64_t>::min());
    return static_cast<T>(static_cast<std::int64_t>(value));
  } else {
    return static_cast<T>(value);
  }
}

// Calls use.operator()<T>() with the C++ type of a real number kind of this size.
template <class Use>
auto with_type(Kind kind, std::uint32_t size, Use&& use) {
  if (kind == Kind::integer) {
    if (size == 1) return use.template operator()<std::int8_t>();
    if (size == 2) return use.template operator()<std::int16_t>();
    if (size == 4) return use.template operator()<std::int32_t>();
    return use.template operator()<std::int64_t>();
  }
  if (kind == Kind::unsigned_integer || kind == Kind::boolean) {
    if (size == 1) return use.template operator()<std::uint8_t>();
    if (size == 2) return use.template operator()<std::uint16_t>();
    if (size == 4) return use.template operator()<std::uint32_t>();
    return use.template operator()<std::uint64_t>();
  }
  if (size == 2) return use.template operator()<Half>();
  if (size == 4) return use.template operator()<float>();
  if (size == 8) return use.template operator()<double>();
  return use.template operator()<long double>();
}

std::uint32_t part_size(const Type& type) { return type.kind() == Kind::complex ? type.size() / 2 : type.size(); }

bool is_swapped(const Type& type) { return part_size(type) > 1 && type.order() != native_order; }

void load(const Type& type, const std::byte* in, std::size_t count, Wide* real, Wide* imaginary) {
  const bool swapped = is_swapped(type);
  with_type(type.kind() == Kind::complex ? Kind::floating : type.kind(), part_size(type), [&]<class T>() {
    const std::size_t step = type.size();
    for (std::size_t i = 0; i < count; ++i) real[i] = widen(fetch<T>(in + i * step, swapped));
    if (type.kind() == Kind::complex) {
      for (std::size_t i = 0; i < count; ++i) imaginary[i] = widen(fetch<T>(in + i * step + sizeof(T), swapped));
    } else {
      std::fill_n(imaginary, count, Wide{0});
    }
  });
}

void store(const Type& type, const Wide* real, const Wide* imaginary, std::size_t count, std::byte* out) {
  if (type.kind() == Kind::boolean) {
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(real[i] != 0 || imaginary[i] != 0);
    return;
  }
  const bool swapped = is_swapped(type);
  with_type(type.kind() == Kind::complex ? Kind::floating : type.kind(), part_size(type), [&]<class T>() {
    const std::size_t step = type.size();
    for (std::size_t i = 0; i < count; ++i) put<T>(narrow<T>(real[i]), out + i * step, swapped);
    if (type.kind() == Kind::complex) {
      for (std::size_t i = 0; i < count; ++i) put<T>(narrow<T>(imaginary[i]), out + i * step + sizeof(T), swapped);
    }
  });
}

double half_to_double(std::uint16_t half) {
  if ((half & 0x7c00U) != 0x7c00U || (half & 0x03ffU) == 0) return static_cast<double>(half_to_float(half));
  // Every bit of a NaN is kept, also that it is a signalling one, which arithmetic would take away.
  const auto sign = static_cast<std::uint64_t>(half & 0x8000U) << 48U;
  return std::bit_cast<double>(sign | 0x7ff0'0000'0000'0000U | static_cast<std::uint64_t>(half & 0x03ffU) << 42U);
}

// Floats into wider floats, or into a complex number's real part, where NumPy moves bits and does no arithmetic.
bool moves_bits(const Type& from, const Type& to) {
  if (from.kind() != Kind::floating || (to.kind() != Kind::floating && to.kind() != Kind::complex)) return false;
  const auto part = part_size(to);
  return from.size() == part || (from.size() == 2 && (part == 4 || part == 8));
}

void move_bits(const Type& from, const Type& to, const std::byte* in, std::byte* out, std::uint64_t count) {
  const bool from_swapped = is_swapped(from), to_swapped = is_swapped(to);
  const std::size_t part = part_size(to);
  for (; count > 0; --count, in += from.size(), out += to.size()) {
    std::memset(out, 0, to.size());
    if (from.size() == part) {
      std::memcpy(out, in, part);
      if (from_swapped != to_swapped) std::reverse(out, out + part);
    } else if (part == 4) {
      put(half_to_float(fetch<std::uint16_t>(in, from_swapped)), out, to_swapped);
    } else {
      put(half_to_double(fetch<std::uint16_t>(in, from_swapped)), out, to_swapped);
    }
  }
}

Type integer_of(const Type& type) { return type.kind() == Kind::enumeration ? type.base() : type; }

}  // namespace

Cast::Cast(const Type& from, const Type& to) : from_(integer_of(from)), to_(integer_of(to)) {
  const auto refuse = [&] { throw InvalidError("no conversion from " + from.name() + " to " + to.name()); };
  if (from_.is_variable() || to_.is_variable()) refuse();
  if (from_ == to_) return;
  if (to_.is_number()) {
    if (!from_.is_number()) refuse();
    way_ = from_.kind() == to_.kind() && from_.size() == to_.size() ? Way::swap : Way::number;
  } else if (to_.kind() == Kind::fixed_string) {
    if (!from_.is_number() && from_.kind() != Kind::fixed_string) refuse();
    way_ = from_.is_number() ? Way::text : Way::pad;
  } else if (to_.kind() == Kind::compound && from_.kind() == Kind::compound &&
             from_.members().size() == to_.members().size()) {
    way_ = Way::members;
    for (std::size_t i = 0; i < to_.members().size(); ++i) {
      const auto &a = from_.members()[i], &b = to_.members()[i];
      if (a.name != b.name || !(a.dims == b.dims)) refuse();
      parts_.push_back({a.offset, b.offset, element_count(a.dims), {Cast(a.type, b.type)}});
    }
  } else if (to_.kind() != from_.kind() || to_.size() != from_.size()) {
    refuse();
  }
}

void Cast::operator()(const std::byte* in, std::byte* out, std::uint64_t count) const {
  const std::size_t in_size = from_.size(), out_size = to_.size();
  switch (way_) {
    case Way::copy:
      if (count != 0 && in_size != 0) std::memcpy(out, in, count * in_size);
      return;
    case Way::swap: {
      const std::size_t part = part_size(from_);
      for (const std::byte* end = in + count * in_size; in != end; in += part, out += part) {
        std::reverse_copy(in, in + part, out);
      }
      return;
    }
    case Way::number: {
      if (to_ == Type::of<double>() &&
          from_ == Type::of<std::int64_t>()) {  // the common one: a list of ints and floats
        for (std::uint64_t i = 0; i < count; ++i) {
          put(static_cast<double>(fetch<std::int64_t>(in + i * 8, false)), out + i * 8, false);
        }
        return;
      }
      if (moves_bits(from_, to_)) return move_bits(from_, to_, in, out, count);
      std::array<Wide, block> real, imaginary;
      while (count > 0) {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, block));
        load(from_, in, n, real.data(), imaginary.data());
        store(to_, real.data(), imaginary.data(), n, out);
        in += n * in_size;
        out += n * out_size;
        count -= n;
      }
      return;
    }
    case Way::text:
      for (; count > 0; --count, in += in_size, out += out_size) {
        const auto text = number_text(from_, in);
        std::memset(out, 0, out_size);
        std::memcpy(out, text.data(), std::min(text.size(), out_size));
      }
      return;
    case Way::pad:
      for (; count > 0; --count, in += in_size, out += out_size) {
        const auto kept = std::min(in_size, out_size);
        if (kept != 0) std::memcpy(out, in, kept);
        std::memset(out + kept, 0, out_size - kept);
      }
      return;
    case Way::members:
      for (; count > 0; --count, in += in_size, out += out_size) {
        std::memset(out, 0, out_size);
        for (const auto& part : parts_) part.cast.front()(in + part.from, out + part.to, part.count);
      }
      return;
  }
}

}  // namespace daybook::detail
