#pragma once

#include <bit>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// The numbers of these enums reach the disk (schema/FORMAT.md): none is ever reused.
enum class Kind : std::uint8_t {
  boolean = 0,  // one byte, 0 or 1; HDF5: enum {FALSE, TRUE} of int8
  integer = 1,  // signed, 1 2 4 8 bytes
  unsigned_integer = 2,
  floating = 3,      // IEEE 2 4 8 bytes; 16 bytes: x87 80-bit in 16
  complex = 4,       // two floats r, i: 4 (of halves) 8 16 32 bytes
  fixed_string = 5,  // `size` bytes, NUL-padded
  string = 6,        // variable length
  opaque = 7,        // `size` raw bytes
  enumeration = 8,   // names for integers
  compound = 9,      // members at offsets, padding kept
  vlen = 10,         // variable-length array of `base`
};
enum class ByteOrder : std::uint8_t { little = 0, big = 1 };
enum class Charset : std::uint8_t { ascii = 0, utf8 = 1 };

// NumPy's and HDF5's limit on dimensions.
inline constexpr std::size_t max_rank = 32;

// Up to max_rank numbers without an allocation: a shape, or one coordinate per dimension.
template <class T>
class Extents {
 public:
  Extents() = default;
  Extents(std::initializer_list<T> values) : Extents(std::span<const T>(values.begin(), values.size())) {}
  explicit Extents(std::span<const T> values);  // InvalidError beyond max_rank
  Extents(const Extents& other) : Extents(std::span<const T>(other)) {}
  Extents& operator=(const Extents& other);

  [[nodiscard]] std::size_t size() const { return rank_; }
  [[nodiscard]] bool empty() const { return rank_ == 0; }
  [[nodiscard]] const T* data() const { return values_; }
  [[nodiscard]] const T* begin() const { return values_; }
  [[nodiscard]] const T* end() const { return values_ + rank_; }
  T& operator[](std::size_t i) { return values_[i]; }
  const T& operator[](std::size_t i) const { return values_[i]; }
  void push_back(T value);  // InvalidError beyond max_rank
  friend bool operator==(const Extents& a, const Extents& b) {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < a.rank_; ++i)
      if (a.values_[i] != b.values_[i]) return false;
    return true;
  }

 private:
  T values_[max_rank];  // only the first rank_ are ever read or copied
  std::size_t rank_ = 0;
};
extern template class Extents<std::uint64_t>;
extern template class Extents<std::int64_t>;

using Shape = Extents<std::uint64_t>;

// Number of elements; 1 for rank 0. InvalidError if it does not fit 64 bits.
std::uint64_t element_count(std::span<const std::uint64_t> shape);

struct Member;

// The type of one element. Plain kinds are a few bytes; enum, compound and vlen share an immutable description.
class Type {
 public:
  constexpr Type() = default;  // boolean
  // A plain kind. InvalidError for a size the kind does not have.
  Type(Kind kind, std::uint32_t size, ByteOrder order = ByteOrder::little);

  static Type string(Charset charset);  // variable length
  static Type fixed_string(std::uint32_t size, Charset charset = Charset::ascii);
  static Type opaque(std::uint32_t size);
  static Type enumeration(const Type& base, std::vector<std::string> names, std::vector<std::int64_t> values);
  static Type compound(std::uint32_t size, std::vector<Member> members);
  static Type vlen(const Type& base);
  template <class T>
  static Type of();  // the type of a C++ bool, integer, float, double, long double or std::complex, native order

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] ByteOrder order() const { return order_; }
  [[nodiscard]] Charset charset() const { return charset_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }  // bytes of one element; 0: variable
  [[nodiscard]] bool is_variable() const { return kind_ == Kind::string || kind_ == Kind::vlen; }
  [[nodiscard]] bool is_number() const { return kind_ <= Kind::complex; }
  [[nodiscard]] std::span<const Member> members() const;  // compound
  [[nodiscard]] const Type& base() const;                 // enumeration, vlen
  [[nodiscard]] std::span<const std::string> enum_names() const;
  [[nodiscard]] std::span<const std::int64_t> enum_values() const;

  // NumPy's spelling where it has one: "<f8", "|b1", ">i2", "|S4", "|V3", "<c16", "str", "bytes", "{x:<i4,y:<f8}"
  [[nodiscard]] std::string name() const;

  friend bool operator==(const Type& a, const Type& b);

 private:
  struct Details;
  Kind kind_ = Kind::boolean;
  ByteOrder order_ = ByteOrder::little;
  Charset charset_ = Charset::ascii;
  std::uint32_t size_ = 1;
  std::shared_ptr<const Details> details_;
};

struct Member {
  std::string name;
  std::uint32_t offset = 0;
  Type type;
  Shape dims;  // a sub-array's shape; empty for a plain member

  friend bool operator==(const Member&, const Member&) = default;
};

template <class T>
Type Type::of() {
  constexpr auto order = std::endian::native == std::endian::big ? ByteOrder::big : ByteOrder::little;
  Type type;
  type.size_ = sizeof(T);
  if constexpr (std::same_as<T, bool>) return type;
  if constexpr (sizeof(T) > 1) type.order_ = order;
  if constexpr (std::floating_point<T>) {
    type.kind_ = Kind::floating;
  } else if constexpr (std::integral<T>) {
    type.kind_ = std::signed_integral<T> ? Kind::integer : Kind::unsigned_integer;
  } else {
    static_assert(std::same_as<T, std::complex<typename T::value_type>>);
    type.kind_ = Kind::complex;
  }
  return type;
}

}  // namespace daybook
