#include "daybook/journal/type.h"

#include <algorithm>
#include <limits>

#include "daybook/journal/error.h"

namespace daybook {

template <class T>
Extents<T>::Extents(std::span<const T> values) : rank_(values.size()) {
  if (rank_ > max_rank) throw InvalidError("more than 32 dimensions: neither NumPy nor HDF5 has them");
  std::copy(values.begin(), values.end(), values_);
}

template <class T>
Extents<T>& Extents<T>::operator=(const Extents& other) {
  rank_ = other.rank_;
  std::copy(other.begin(), other.end(), values_);
  return *this;
}

template <class T>
void Extents<T>::push_back(T value) {
  if (rank_ == max_rank) throw InvalidError("more than 32 dimensions: neither NumPy nor HDF5 has them");
  values_[rank_++] = value;
}

template class Extents<std::uint64_t>;
template class Extents<std::int64_t>;

std::uint64_t element_count(std::span<const std::uint64_t> shape) {
  std::uint64_t count = 1;
  // A zero anywhere makes the array empty, however large the other dimensions are.
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
  for (const auto extent : shape) {
    if (extent > std::numeric_limits<std::uint64_t>::max() / count) {
      throw InvalidError("an array of this shape has more elements than 64 bits can count");
    }
    count *= extent;
  }
  return count;
}

struct Type::Details {
  std::vector<Member> members;
  Type base;
  std::vector<std::string> names;
  std::vector<std::int64_t> values;

  bool operator==(const Details&) const = default;
};

namespace {

bool has_size(Kind kind, std::uint32_t size) {
  switch (kind) {
    case Kind::boolean:
      return size == 1;
    case Kind::integer:
    case Kind::unsigned_integer:
      return size == 1 || size == 2 || size == 4 || size == 8;
    case Kind::floating:
      return size == 2 || size == 4 || size == 8 || size == 16;
    case Kind::complex:
      return size == 4 || size == 8 || size == 16 || size == 32;
    case Kind::fixed_string:
    case Kind::opaque:
      return true;
    case Kind::string:
      return size == 0;
    case Kind::enumeration:
    case Kind::compound:
    case Kind::vlen:
      return false;
  }
  return false;
}

}  // namespace

Type::Type(Kind kind, std::uint32_t size, ByteOrder order) : kind_(kind), order_(order), size_(size) {
  if (!has_size(kind, size)) {
    throw InvalidError("there is no plain type of kind " + std::to_string(static_cast<int>(kind)) + " with " +
                       std::to_string(size) + " bytes");
  }
  // One spelling each, so that equal types compare equal: order means nothing for single bytes and for strings.
  if (size == 1 || !is_number()) order_ = ByteOrder::little;
}

Type Type::string(Charset charset) {
  Type type;
  type.kind_ = Kind::string;
  type.size_ = 0;
  type.charset_ = charset;
  return type;
}

Type Type::fixed_string(std::uint32_t size, Charset charset) {
  Type type(Kind::fixed_string, size);
  type.charset_ = charset;
  return type;
}

Type Type::opaque(std::uint32_t size) { return {Kind::opaque, size}; }

Type Type::enumeration(const Type& base, std::vector<std::string> names, std::vector<std::int64_t> values) {
  if (base.kind_ != Kind::integer && base.kind_ != Kind::unsigned_integer) {
    throw InvalidError("an enumeration needs an integer base type, not " + base.name());
  }
  if (names.size() != values.size()) throw InvalidError("an enumeration needs as many values as names");
  Type type = base;
  type.kind_ = Kind::enumeration;
  type.details_ = std::make_shared<const Details>(Details{{}, base, std::move(names), std::move(values)});
  return type;
}

Type Type::compound(std::uint32_t size, std::vector<Member> members) {
  for (const auto& member : members) {
    if (member.type.is_variable()) {
      throw InvalidError("member '" + member.name + "' of a compound has a variable length: that is not supported");
    }
    const auto count = element_count(member.dims);
    const std::uint64_t element = member.type.size();
    if ((element != 0 && count > size / element) || member.offset > size - count * element) {
      throw InvalidError("member '" + member.name + "' does not fit into its compound of " + std::to_string(size) +
                         " bytes");
    }
  }
  Type type;
  type.kind_ = Kind::compound;
  type.size_ = size;
  type.details_ = std::make_shared<const Details>(Details{std::move(members), {}, {}, {}});
  return type;
}

Type Type::vlen(const Type& base) {
  if (base.is_variable()) throw InvalidError("variable-length arrays of variable-length elements are not supported");
  Type type;
  type.kind_ = Kind::vlen;
  type.size_ = 0;
  type.details_ = std::make_shared<const Details>(Details{{}, base, {}, {}});
  return type;
}

std::span<const Member> Type::members() const {
  return details_ ? std::span<const Member>(details_->members) : std::span<const Member>();
}

const Type& Type::base() const {
  if (!details_) throw InvalidError("type " + name() + " has no base type");
  return details_->base;
}

std::span<const std::string> Type::enum_names() const {
  return details_ ? std::span<const std::string>(details_->names) : std::span<const std::string>();
}

std::span<const std::int64_t> Type::enum_values() const {
  return details_ ? std::span<const std::int64_t>(details_->values) : std::span<const std::int64_t>();
}

std::string Type::name() const {
  const char order = size_ == 1 || !(is_number() || kind_ == Kind::enumeration) ? '|'
                     : order_ == ByteOrder::big                                 ? '>'
                                                                                : '<';
  const auto spelled = [&](char letter) { return std::string{order, letter} + std::to_string(size_); };
  switch (kind_) {
    case Kind::boolean:
      return "|b1";
    case Kind::integer:
      return spelled('i');
    case Kind::unsigned_integer:
      return spelled('u');
    case Kind::floating:
      return spelled('f');
    case Kind::complex:
      return spelled('c');
    case Kind::fixed_string:
      return spelled('S');
    case Kind::opaque:
      return spelled('V');
    case Kind::string:
      return charset_ == Charset::utf8 ? "str" : "bytes";
    case Kind::enumeration:
      return "enum(" + base().name() + ")";
    case Kind::vlen:
      return "vlen(" + base().name() + ")";
    case Kind::compound: {
      std::string text = "{";
      for (const auto& member : members()) {
        if (text.size() > 1) text += ',';
        text += member.name + ":";
        for (const auto extent : member.dims) text += "[" + std::to_string(extent) + "]";
        text += member.type.name();
      }
      return text + "}";
    }
  }
  return "?";
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind_ != b.kind_ || a.order_ != b.order_ || a.charset_ != b.charset_ || a.size_ != b.size_) return false;
  if (a.details_ == b.details_) return true;
  return a.details_ && b.details_ && *a.details_ == *b.details_;
}

}  // namespace daybook
