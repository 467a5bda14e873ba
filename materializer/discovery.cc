#include "daybook/materializer/discovery.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "daybook/journal/error.h"
#include "daybook/materializer/numpy.h"

namespace daybook::detail {

namespace {

constexpr const char* no_objects = "Object dtype dtype('O') has no native HDF5 equivalent";

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (const auto extent : shape) text += std::to_string(extent) + ",";
  return text + ")";
}

bool is_text(Form form, const Type& type) { return form == Form::scalar && type.kind() == Kind::string; }

// Gathers what the leaves of one list are.
class Discovery {
 public:
  // A stretch of `count` items of one format.
  void add(const ItemFormat& format, std::uint64_t count, std::uint64_t index) {
    expect_shape(format.shape, index);
    for (std::size_t d = 0; d < format.list_dims; ++d) count *= format.shape[d];
    leaf(format.form, format.type, count);
  }

  void add(const Value& item, std::uint64_t index) { expect_shape(visit(item, index), index); }

  [[nodiscard]] bool needs_text_lengths() const { return bytes_ && (str_ || other_); }
  void text_length(std::uint64_t length) { longest_ = std::max(longest_, length); }

  [[nodiscard]] ArrayType finish(std::uint64_t count) const {
    Shape shape{count};
    if (shape_) {
      if (shape_->size() == max_rank) throw InvalidError("a list nested this deeply has more than 32 dimensions");
      for (const auto extent : *shape_) shape.push_back(extent);
    }
    if (str_ && !bytes_ && !other_) return {text_type(Charset::utf8), shape};
    if (bytes_ && !str_ && !other_) return {text_type(Charset::ascii), shape};
    if (objects_) throw InvalidError(std::string("a list holding an object array: ") + no_objects);
    if (str_) {
      throw InvalidError("a list of str mixed with " +
                         std::string(bytes_  ? "bytes"
                                     : type_ ? type_->name()
                                             : "lists") +
                         ": NumPy makes it a 'U' array, and HDF5 has no conversion path for dtype('<U…')");
    }
    if (!mismatch_.empty()) throw InvalidError("a list mixing " + mismatch_ + ": " + no_objects);
    if (!type_) return {Type::of<double>(), shape};
    if (type_->kind() == Kind::fixed_string) {
      const auto size = std::max<std::uint64_t>({type_->size(), longest_, 1});
      if (size > std::numeric_limits<std::int32_t>::max()) throw InvalidError("a fixed string of more than 2 GiB");
      if (size != type_->size()) return {Type::fixed_string(static_cast<std::uint32_t>(size)), shape};
    }
    return {leaves_ > 1 ? canonical(*type_) : *type_, shape};
  }

 private:
  [[nodiscard]] Type text_type(Charset charset) const {
    if (lone_object_) throw InvalidError("a list holding a 0-dimensional object array: can't convert it to a string");
    return Type::string(charset);
  }

  static void expect_same(const Shape& expected, const Shape& found, std::uint64_t index) {
    if (expected == found) return;
    std::size_t equal = 0;
    while (equal < std::min(expected.size(), found.size()) && expected[equal] == found[equal]) ++equal;
    throw InvalidError("a ragged list: item " + std::to_string(index) + " has shape " + shape_text(found) +
                       ", others before it " + shape_text(expected) + "; the array has an inhomogeneous shape after " +
                       std::to_string(equal + 1) + " dimensions");
  }

  void expect_shape(const Shape& shape, std::uint64_t index) {
    if (shape_) {
      expect_same(*shape_, shape, index);
    } else {
      shape_ = shape;
    }
  }

  void leaf(Form form, const Type& type, std::uint64_t count) {
    if (is_text(form, type)) {
      (type.charset() == Charset::utf8 ? str_ : bytes_) = true;
      if (type.charset() == Charset::ascii) promote_by(Type::fixed_string(0), count);
    } else {
      other_ = true;
      promote_by(type, count);
    }
  }

  // A type seen before changes nothing: what was promoted with it once can hold it.
  void promote_by(const Type& type, std::uint64_t count) {
    leaves_ += count;
    if (last_ && *last_ == type) return;
    last_ = type;
    if (!type_) {
      type_ = type;
    } else if (auto promoted = promote(*type_, type)) {
      type_ = std::move(promoted);
    } else if (mismatch_.empty()) {
      mismatch_ = type_->name() + " with " + type.name();
    }
  }

  // Returns the shape of one item.
  Shape visit(const Value& item, std::uint64_t index) {
    switch (item.form()) {
      case Form::scalar:
      case Form::array:
        leaf(item.form(), item.type(), item.count());
        if (is_text(item.form(), item.type()) && item.type().charset() == Charset::ascii) {
          for (std::uint64_t i = 0; i < item.element_count(); ++i) text_length(item.extent_at(i).length);
        }
        return item.shape();
      case Form::list: {
        std::optional<Shape> inner;
        std::uint64_t count = 0;
        for (const auto& run : item.runs()) {
          const auto shape = visit(run, index);
          if (inner) expect_same(*inner, shape, index);
          inner = shape;
          count += run.count();
        }
        if (!inner) other_ = true;  // h5py sees no strings in a list with an empty one
        Shape shape{count};
        if (inner) {
          if (inner->size() == max_rank) throw InvalidError("a list nested this deeply has more than 32 dimensions");
          for (const auto extent : *inner) shape.push_back(extent);
        }
        return shape;
      }
      case Form::objects:
        objects_ = true;
        if (item.shape().empty()) lone_object_ = true;
        if (item.runs().empty()) other_ = true;
        for (const auto& run : item.runs()) {
          if (!is_text(run.form(), run.type())) {
            other_ = true;
          } else {
            (run.type().charset() == Charset::utf8 ? str_ : bytes_) = true;
          }
        }
        return item.shape();
      case Form::null:
        throw InvalidError("item " + std::to_string(index) + " of a list is an h5py.Empty: " + no_objects);
      case Form::unstorable:
        throw InvalidError("item " + std::to_string(index) + " of a list is " + std::string(item.repr()) + " of type " +
                           std::string(item.python_type()) + ", which HDF5 cannot hold: " + no_objects);
      case Form::elided:
        throw ElidedError("item " + std::to_string(index) + " of a list was dropped by the journal's retention");
    }
    return {};
  }

  std::optional<Shape> shape_;
  bool str_ = false, bytes_ = false, other_ = false, objects_ = false, lone_object_ = false;
  std::optional<Type> type_, last_;
  std::uint64_t leaves_ = 0, longest_ = 0;
  std::string mismatch_;
};

}  // namespace

ArrayType discover_list(const ListFold& items) {
  Discovery discovery;
  for (std::uint64_t first = 0; first < items.size();) {
    const auto piece = items.piece(first, items.size() - first);
    if (piece.format->packed) {
      discovery.add(items.unpack(piece.position), first);
    } else {
      discovery.add(*piece.format, piece.count, first);
    }
    first += piece.count;
  }
  if (discovery.needs_text_lengths()) {
    std::uint64_t longest = 0;
    for (std::uint64_t first = 0; first < items.size();) {
      const auto piece = items.piece(first, items.size() - first);
      if (!piece.format->packed && is_text(piece.format->form, piece.format->type)) {
        static_cast<void>(items.store().text_bytes(piece.position, piece.count * piece.format->elements, &longest));
      }
      first += piece.count;
    }
    discovery.text_length(longest);
  }
  auto found = discovery.finish(items.size());
  check_storable(found.type);
  return found;
}

ArrayType discover_objects(const ListFold& items, const Shape& shape) {
  std::optional<Charset> charset;
  for (std::uint64_t first = 0; first < items.size();) {
    const auto piece = items.piece(first, items.size() - first);
    const auto& format = *piece.format;
    if (format.packed || format.list_dims != 0 || !is_text(format.form, format.type) ||
        (charset && *charset != format.type.charset())) {
      throw InvalidError("an object array whose items are not all str or all bytes (item " + std::to_string(first) +
                         "): " + no_objects);
    }
    charset = format.type.charset();
    first += piece.count;
  }
  if (!charset) throw InvalidError(std::string("an empty object array: ") + no_objects);
  return {Type::string(*charset), shape};
}

void check_storable(const Type& type) {
  if ((type.kind() == Kind::opaque || type.kind() == Kind::compound || type.kind() == Kind::fixed_string) &&
      type.size() == 0) {
    throw InvalidError("a value of type " + type.name() + " without a single byte: HDF5 has no types of size 0");
  }
  if (type.kind() == Kind::compound) {
    if (type.members().empty()) throw InvalidError("a compound without members: HDF5 does not have that");
    for (const auto& member : type.members()) check_storable(member.type);
  }
  if (type.kind() == Kind::vlen) check_storable(type.base());
}

}  // namespace daybook::detail
