#include "daybook/materializer/hdf5_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::size_t max_known_types = 64;

Hdf5Type copy_of(hid_t type) { return {H5Tcopy(type), "copy a type"}; }

// Name for HDF5's C strings, which end at the first NUL.
const char* member_name(const std::string& name, const Type& type) {
  if (name.empty() || name.find('\0') != std::string::npos || !is_utf8(name))
    throw InvalidError(
        fmt::format("type {} has a member named {}, which HDF5 cannot hold", type.name(), quote_name(name)));
  return name.c_str();
}

// HDF5's own id of a number type, which need not be closed; negative if it has none.
hid_t predefined(const Type& type) {
  const bool big = type.order() == ByteOrder::big;
  if (type.kind() == Kind::floating) {
    if (type.size() == 4) return big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE;
    if (type.size() == 8) return big ? H5T_IEEE_F64BE : H5T_IEEE_F64LE;
  }
  const bool is_signed = type.kind() == Kind::integer;
  if (!is_signed && type.kind() != Kind::unsigned_integer) return H5I_INVALID_HID;
  switch (type.size()) {
    case 1:
      return is_signed ? (big ? H5T_STD_I8BE : H5T_STD_I8LE) : (big ? H5T_STD_U8BE : H5T_STD_U8LE);
    case 2:
      return is_signed ? (big ? H5T_STD_I16BE : H5T_STD_I16LE) : (big ? H5T_STD_U16BE : H5T_STD_U16LE);
    case 4:
      return is_signed ? (big ? H5T_STD_I32BE : H5T_STD_I32LE) : (big ? H5T_STD_U32BE : H5T_STD_U32LE);
    case 8:
      return is_signed ? (big ? H5T_STD_I64BE : H5T_STD_I64LE) : (big ? H5T_STD_U64BE : H5T_STD_U64LE);
    default:
      return H5I_INVALID_HID;
  }
}

Hdf5Type integer_type(const Type& type) {
  const hid_t id = predefined(type);
  if (id < 0) throw InvalidError(fmt::format("HDF5 has no integer of {} bytes", type.size()));
  return copy_of(id);
}

Hdf5Type floating_type(std::uint32_t size, ByteOrder order) {
  const bool big = order == ByteOrder::big;
  if (size == 4 || size == 8) return copy_of(predefined(Type(Kind::floating, size, order)));
  if (size == 2) {  // IEEE half: sign bit 15, 5 bits of exponent, 10 of mantissa
    Hdf5Type half = copy_of(big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
    check_hdf5(H5Tset_fields(half.id(), 15, 10, 5, 0, 10), "make the half type");
    check_hdf5(H5Tset_size(half.id(), 2), "make the half type");
    check_hdf5(H5Tset_ebias(half.id(), 15), "make the half type");
    return half;
  }
  if (size == 16) {  // x87: 80 bits, the mantissa's leading 1 written out; the rest is padding
    Hdf5Type extended = copy_of(big ? H5T_IEEE_F64BE : H5T_IEEE_F64LE);
    check_hdf5(H5Tset_size(extended.id(), 16), "make the 80-bit type");
    check_hdf5(H5Tset_precision(extended.id(), 80), "make the 80-bit type");
    check_hdf5(H5Tset_fields(extended.id(), 79, 64, 15, 0, 64), "make the 80-bit type");
    check_hdf5(H5Tset_ebias(extended.id(), 16383), "make the 80-bit type");
    check_hdf5(H5Tset_norm(extended.id(), H5T_NORM_NONE), "make the 80-bit type");
    return extended;
  }
  throw InvalidError(fmt::format("HDF5 has no floating-point type of {} bytes", size));
}

Hdf5Type new_type(H5T_class_t cls, std::uint32_t size, const Type& type) {
  if (size == 0) throw InvalidError(fmt::format("type {} has no bytes: HDF5 cannot hold it", type.name()));
  return {H5Tcreate(cls, size), "make type " + type.name()};
}

Hdf5Type string_type(const Type& type) {
  const bool variable = type.kind() == Kind::string;
  if (!variable && type.size() == 0) throw InvalidError("a fixed string of no bytes: HDF5 cannot hold it");
  Hdf5Type made = copy_of(H5T_C_S1);
  check_hdf5(H5Tset_size(made.id(), variable ? H5T_VARIABLE : type.size()), "set a string's size");
  check_hdf5(H5Tset_strpad(made.id(), variable ? H5T_STR_NULLTERM : H5T_STR_NULLPAD), "set a string's padding");
  check_hdf5(H5Tset_cset(made.id(), type.charset() == Charset::utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII),
             "set a string's charset");
  return made;
}

Hdf5Type boolean_type() {
  Hdf5Type made(H5Tenum_create(H5T_STD_I8LE), "make the boolean type");
  const signed char values[] = {0, 1};
  check_hdf5(H5Tenum_insert(made.id(), "FALSE", &values[0]), "make the boolean type");
  check_hdf5(H5Tenum_insert(made.id(), "TRUE", &values[1]), "make the boolean type");
  return made;
}

Hdf5Type enumeration_type(const Type& type) {
  const Hdf5Type base = make_hdf5_type(type.base());
  Hdf5Type made(H5Tenum_create(base.id()), "make an enum type");
  const std::size_t size = type.base().size();
  for (std::size_t i = 0; i < type.enum_names().size(); ++i) {
    std::uint8_t bytes[8];
    for (std::size_t b = 0; b < size; ++b)
      bytes[type.base().order() == ByteOrder::big ? size - 1 - b : b] =
          static_cast<std::uint8_t>(static_cast<std::uint64_t>(type.enum_values()[i]) >> (8 * b));
    check_hdf5(H5Tenum_insert(made.id(), member_name(type.enum_names()[i], type), bytes), "make an enum type");
  }
  return made;
}

Hdf5Type compound_type(const Type& type) {
  Hdf5Type made = new_type(H5T_COMPOUND, type.size(), type);
  if (type.members().empty())
    throw InvalidError(fmt::format("type {} has no members: HDF5 cannot hold it", type.name()));
  const std::string doing = "make type " + type.name();  // once: a table may have hundreds of members
  for (const Member& member : type.members()) {
    if (member.type.is_variable())
      throw InvalidError(fmt::format("type {} has the variable-length member {}, which is not supported", type.name(),
                                     quote_name(member.name)));
    Hdf5Type part = make_hdf5_type(member.type);
    if (!member.dims.empty()) {
      std::vector<hsize_t> dims(member.dims.begin(), member.dims.end());
      part = Hdf5Type(H5Tarray_create2(part.id(), static_cast<unsigned>(dims.size()), dims.data()),
                      "make a sub-array type");
    }
    check_hdf5(H5Tinsert(made.id(), member_name(member.name, type), member.offset, part.id()), doing);
  }
  return made;
}

Hdf5Type complex_type(const Type& type) {
  const Hdf5Type part = floating_type(type.size() / 2, type.order());
  Hdf5Type made = new_type(H5T_COMPOUND, type.size(), type);
  check_hdf5(H5Tinsert(made.id(), "r", 0, part.id()), "make a complex type");
  check_hdf5(H5Tinsert(made.id(), "i", type.size() / 2, part.id()), "make a complex type");
  return made;
}

Hdf5Type opaque_type(const Type& type) {
  Hdf5Type made = new_type(H5T_OPAQUE, type.size(), type);
  check_hdf5(H5Tset_tag(made.id(), ""), "make an opaque type");
  return made;
}

Hdf5Type vlen_type(const Type& type) {
  if (type.base().is_variable())
    throw InvalidError(fmt::format("type {} nests variable-length elements, which is not supported", type.name()));
  const Hdf5Type base = make_hdf5_type(type.base());
  return {H5Tvlen_create(base.id()), "make a variable-length type"};
}

}  // namespace

Hdf5Type make_hdf5_type(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return boolean_type();
    case Kind::integer:
    case Kind::unsigned_integer:
      return integer_type(type);
    case Kind::floating:
      return floating_type(type.size(), type.order());
    case Kind::complex:
      return complex_type(type);
    case Kind::fixed_string:
    case Kind::string:
      return string_type(type);
    case Kind::opaque:
      return opaque_type(type);
    case Kind::enumeration:
      return enumeration_type(type);
    case Kind::compound:
      return compound_type(type);
    case Kind::vlen:
      return vlen_type(type);
  }
  throw InvalidError(fmt::format("type of unknown kind {}", static_cast<int>(type.kind())));
}

hid_t Hdf5Types::get(const Type& type) {
  // Of its own types HDF5 knows at once that nothing has to be converted.
  if (const hid_t id = predefined(type); id >= 0) return id;
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& entry) { return entry.first == type; });
  if (found != known_.end()) return found->second.id();
  Hdf5Type made = make_hdf5_type(type);
  if (known_.size() == max_known_types) known_.clear();  // many record types: start again rather than search long
  known_.emplace_back(type, std::move(made));
  return known_.back().second.id();
}

}  // namespace daybook::detail
