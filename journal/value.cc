#include "daybook/journal/value.h"

#include <algorithm>
#include <limits>

#include "daybook/journal/error.h"

namespace daybook {

namespace {

using Bytes = std::span<const std::byte>;
constexpr std::uint64_t offset_bytes = sizeof(std::uint64_t);

Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) {
    throw InvalidError("a value of this type and shape has more bytes than 64 bits can count");
  }
  return a * b;
}

// One element stands bare; several stand behind a table of the offsets at which each ends.
std::vector<std::byte> pack_variable(std::span<const Bytes> items) {
  std::uint64_t total = 0;
  for (const auto& item : items) total += item.size();
  const std::uint64_t table = items.size() == 1 ? 0 : items.size() * offset_bytes;
  std::vector<std::byte> packed(table + total);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].empty()) std::memcpy(packed.data() + table + end, items[i].data(), items[i].size());
    end += items[i].size();
    if (table != 0) std::memcpy(packed.data() + i * offset_bytes, &end, offset_bytes);
  }
  return packed;
}

bool mergeable(const Value& a, const Value& b) {
  return (a.form() == Form::scalar || a.form() == Form::array) && a.form() == b.form() && a.type() == b.type() &&
         a.shape() == b.shape() && a.is_contiguous() && b.is_contiguous();
}

}  // namespace

Value::Value(std::string_view utf8) : type_(Type::string(Charset::utf8)), external_(as_bytes(utf8)) {}

Value Value::raw(Form form, const Type& type, const Shape& shape, std::uint64_t count, std::vector<Bytes> segments,
                 std::vector<Value> runs) {
  Value value;
  value.inline_size_ = 0;
  value.form_ = form;
  value.type_ = type;
  value.shape_ = shape;
  value.count_ = count;
  value.runs_ = std::move(runs);
  std::erase_if(segments, [](Bytes piece) { return piece.empty(); });
  if (segments.size() == 1) value.external_ = segments.front();
  if (segments.size() > 1) value.segments_ = std::move(segments);
  value.check_size();
  return value;
}

// The way of every array that is journaled: allocates nothing.
Value Value::contiguous(Form form, const Type& type, const Shape& shape, std::uint64_t count, Bytes bytes) {
  Value value;
  value.inline_size_ = 0;
  value.form_ = form;
  value.type_ = type;
  value.shape_ = shape;
  value.count_ = count;
  value.external_ = bytes;
  value.check_size();
  return value;
}

void Value::check_size() const {
  const auto size = byte_size();
  const auto fail = [&](const std::string& expected) {
    throw InvalidError("a value of type " + type_.name() + " was given " + std::to_string(size) +
                       " bytes where its shape needs " + expected);
  };
  switch (form_) {
    case Form::scalar:
    case Form::array: {
      const auto elements = times(daybook::element_count(shape_), count_);
      if (!type_.is_variable()) {
        if (const auto expected = times(elements, type_.size()); size != expected) fail(std::to_string(expected));
        return;
      }
      if (elements == 1) return;
      const auto table = times(elements, offset_bytes);
      if (size < table) fail("a table of " + std::to_string(table));
      std::uint64_t last = 0;
      for (std::uint64_t i = 0; i < elements; ++i) {
        std::uint64_t end = 0;
        read_bytes(i * offset_bytes, std::as_writable_bytes(std::span(&end, 1)));
        if (end < last || end > size - table) fail("offsets that grow and stay inside");
        last = end;
      }
      if (last != size - table) fail(std::to_string(table + last));
      return;
    }
    case Form::list:
    case Form::objects:
      if (size != 0) fail("none beside its items");
      if (form_ == Form::objects && item_count() != daybook::element_count(shape_)) {
        throw InvalidError("an object array was given " + std::to_string(item_count()) +
                           " items, which does not fit its shape");
      }
      return;
    case Form::null:
    case Form::unstorable:
    case Form::elided:
      if (size != 0) fail("none");
      return;
  }
}

void Value::take(std::vector<std::byte> bytes) {
  auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  external_ = *owned;
  segments_.clear();
  inline_size_ = 0;
  owner_ = std::move(owned);
}

Value Value::small(Form form, const Type& type, const Shape& shape, Bytes bytes) {
  auto value = contiguous(form, type, shape, 1, bytes);
  if (bytes.size() > value.inline_.size()) throw InvalidError("a small value has at most 32 bytes");
  value.external_ = {};
  value.inline_size_ = static_cast<std::uint8_t>(bytes.size());
  std::memcpy(value.inline_.data(), bytes.data(), bytes.size());
  return value;
}

Value Value::scalar(const Type& type, Bytes bytes) { return contiguous(Form::scalar, type, {}, 1, bytes); }

Value Value::array(const Type& type, const Shape& shape, Bytes bytes) {
  return contiguous(Form::array, type, shape, 1, bytes);
}

Value Value::list_run(const Type& type, const Shape& item_shape, std::uint64_t count, Bytes bytes) {
  if (count == 0) return list({});
  std::vector<Value> runs;
  runs.push_back(contiguous(item_shape.empty() ? Form::scalar : Form::array, type, item_shape, count, bytes));
  return raw(Form::list, {}, {}, 1, {}, std::move(runs));
}

Value Value::bytes(std::string_view raw_bytes) { return scalar(Type::string(Charset::ascii), as_bytes(raw_bytes)); }

Value Value::strings(const Shape& shape, std::span<const std::string_view> items, Charset charset) {
  std::vector<Bytes> pieces(items.size());
  std::transform(items.begin(), items.end(), pieces.begin(), as_bytes);
  Value value;
  value.take(pack_variable(pieces));
  value.form_ = Form::array;
  value.type_ = Type::string(charset);
  value.shape_ = shape;
  value.check_size();
  return value;
}

Value Value::vlens(const Type& base, const Shape& shape, std::span<const Bytes> items) {
  Value value;
  value.take(pack_variable(items));
  value.form_ = shape.empty() ? Form::scalar : Form::array;
  value.type_ = Type::vlen(base);
  value.shape_ = shape;
  value.check_size();
  return value;
}

Value Value::list(std::vector<Value> items) {
  std::vector<Value> runs;
  for (std::size_t first = 0; first < items.size();) {
    std::size_t end = first + 1;
    while (end < items.size() && items[first].count_ == 1 && items[end].count_ == 1 &&
           mergeable(items[first], items[end]) && (end - first < max_empty_items || items[first].byte_size() != 0)) {
      ++end;
    }
    if (end == first + 1) {
      runs.push_back(std::move(items[first]));
    } else {
      const Value& model = items[first];
      Value run;
      run.form_ = model.form_;
      run.type_ = model.type_;
      run.shape_ = model.shape_;
      run.count_ = end - first;
      std::vector<Bytes> pieces;
      if (model.type_.is_variable()) {
        for (std::size_t i = first; i < end; ++i) {
          for (std::uint64_t e = 0; e < items[i].element_count(); ++e)
            pieces.push_back(as_bytes(items[i].string_at(e)));
        }
        run.take(pack_variable(pieces));
      } else {
        std::vector<std::byte> joined;
        joined.reserve(run.count_ * model.byte_size());
        for (std::size_t i = first; i < end; ++i) {
          const auto bytes = items[i].bytes();
          joined.insert(joined.end(), bytes.begin(), bytes.end());
        }
        run.take(std::move(joined));
      }
      runs.push_back(std::move(run));
    }
    first = end;
  }
  return raw(Form::list, {}, {}, 1, {}, std::move(runs));
}

Value Value::objects(const Shape& shape, std::vector<Value> items) {
  Value value = list(std::move(items));
  value.form_ = Form::objects;
  value.shape_ = shape;
  value.check_size();
  return value;
}

Value Value::null(const Type& type) { return raw(Form::null, type, {}, 1, {}); }

Value Value::unstorable(std::string_view python_type, std::string_view repr) {
  Value value = raw(Form::unstorable, {}, {}, 1, {});
  value.python_type_ = python_type;
  value.repr_ = repr;
  return value;
}

Value Value::elided(Form was, const Type& type, const Shape& shape, std::uint64_t items, std::uint64_t bytes) {
  Value value = raw(Form::elided, type, shape, 1, {});
  value.elided_form_ = was;
  if (was == Form::list || was == Form::objects) value.count_ = items;
  value.elided_bytes_ = bytes;
  return value;
}

std::uint64_t Value::byte_size() const {
  if (inline_size_ != 0) return inline_size_;
  std::uint64_t size = external_.size();
  for (const auto& piece : segments_) size += piece.size();
  return size;
}

std::vector<Bytes> Value::segments() const { return segments_.empty() ? std::vector<Bytes>{bytes()} : segments_; }

std::vector<Bytes> Value::slice(std::uint64_t offset, std::uint64_t length) const {
  if (offset > byte_size() || length > byte_size() - offset) {
    throw InvalidError("bytes " + std::to_string(offset) + " to " + std::to_string(offset + length) +
                       " lie outside a value of " + std::to_string(byte_size()));
  }
  if (segments_.empty()) return {bytes().subspan(offset, length)};
  std::vector<Bytes> pieces;
  for (const auto& piece : segments_) {
    if (length == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const auto part = piece.subspan(offset, std::min<std::uint64_t>(length, piece.size() - offset));
    pieces.push_back(part);
    length -= part.size();
    offset = 0;
  }
  return pieces;
}

void Value::read_bytes(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  if (form_ == Form::elided) throw_not_contiguous();
  std::byte* to = out.data();
  if (segments_.empty() && offset <= byte_size() && out.size() <= byte_size() - offset) {
    std::memcpy(to, bytes().data() + offset, out.size());
    return;
  }
  for (const auto& piece : slice(offset, out.size())) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
}

void Value::check_empty_items() const {
  if (count_ > max_empty_items && byte_size() == 0 && form_ != Form::elided) {
    throw InvalidError("a list has " + std::to_string(count_) + " empty items in a row, a journal takes at most " +
                       std::to_string(max_empty_items));
  }
}

std::uint64_t Value::item_count() const {
  if (form_ == Form::elided) return elided_form_ == Form::list || elided_form_ == Form::objects ? count_ : 0;
  std::uint64_t count = 0;
  for (const auto& run : runs_) count += run.count_;
  return count;
}

Value Value::item(std::uint64_t i) const {
  if (form_ == Form::elided) throw_not_contiguous();
  for (const auto& run : runs_) {
    if (i >= run.count_) {
      i -= run.count_;
      continue;
    }
    if (run.count_ == 1) return run;
    const auto elements = daybook::element_count(run.shape_);
    Value value;
    if (!run.type_.is_variable()) {
      const auto size = elements * run.type_.size();
      value = raw(run.form_, run.type_, run.shape_, 1, run.slice(i * size, size));
    } else if (elements == 1) {
      const auto extent = run.extent_at(i);
      value = raw(run.form_, run.type_, run.shape_, 1, run.slice(extent.offset, extent.length));
    } else {
      std::vector<std::vector<std::byte>> copies;
      for (std::uint64_t e = i * elements; e < (i + 1) * elements; ++e) {
        const auto extent = run.extent_at(e);
        copies.emplace_back(extent.length);
        run.read_bytes(extent.offset, copies.back());
      }
      value.take(pack_variable(std::vector<Bytes>(copies.begin(), copies.end())));
      value.form_ = run.form_;
      value.type_ = run.type_;
      value.shape_ = run.shape_;
    }
    if (!value.owner_) value.owner_ = run.owner_;
    return value;
  }
  throw InvalidError("item " + std::to_string(i) + " lies beyond the end of its list");
}

std::uint64_t Value::element_count() const {
  if (form_ != Form::scalar && form_ != Form::array) return 0;
  return daybook::element_count(shape_) * count_;
}

Value::Extent Value::extent_at(std::uint64_t i) const {
  const auto elements = element_count();
  if (!type_.is_variable() || i >= elements)
    throw InvalidError("a value of type " + type_.name() + " has no such element");
  if (elements == 1) return {0, byte_size()};
  const auto end_of = [&](std::uint64_t element) {
    std::uint64_t end = 0;
    read_bytes(element * offset_bytes, std::as_writable_bytes(std::span(&end, 1)));
    return end;
  };
  const auto start = i == 0 ? 0 : end_of(i - 1);
  return {elements * offset_bytes + start, end_of(i) - start};
}

std::string_view Value::string_at(std::uint64_t i) const {
  const auto extent = extent_at(i);
  const auto piece = bytes().subspan(extent.offset, extent.length);
  return {reinterpret_cast<const char*>(piece.data()), piece.size()};
}

Value Value::owned() const {
  Value copy = *this;
  if (!owner_ && inline_size_ == 0 && byte_size() != 0) {
    std::vector<std::byte> bytes(byte_size());
    read_bytes(0, bytes);
    copy.take(std::move(bytes));
  }
  for (auto& run : copy.runs_) run = run.owned();
  return copy;
}

std::uint64_t Value::total_bytes() const {
  std::uint64_t total = byte_size();
  for (const auto& run : runs_) total += run.total_bytes();
  return total;
}

bool operator==(const Value& a, const Value& b) {
  if (a.form_ != b.form_ || a.python_type_ != b.python_type_ || a.repr_ != b.repr_) return false;
  if (a.form_ == Form::list || a.form_ == Form::objects) {
    const auto count = a.item_count();
    if (!(a.shape_ == b.shape_) || count != b.item_count()) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!(a.item(i) == b.item(i))) return false;
    }
    return true;
  }
  if (!(a.type_ == b.type_) || !(a.shape_ == b.shape_) || a.count_ != b.count_ || a.byte_size() != b.byte_size()) {
    return false;
  }
  if (a.form_ == Form::elided) return a.elided_form_ == b.elided_form_ && a.elided_bytes_ == b.elided_bytes_;
  if (a.is_contiguous() && b.is_contiguous()) return std::ranges::equal(a.bytes(), b.bytes());
  return a.owned() == b.owned();
}

void Value::throw_not_contiguous() const {
  if (form_ == Form::elided) {
    throw ElidedError("the value (" + describe(*this) + ") was dropped by the journal's retention: only " +
                      "what it was is known");
  }
  throw InvalidError("this value stands in several pieces: read it piece by piece (segments, read_bytes)");
}

void Value::expect_scalar(const Type& type) const {
  if (form_ != Form::scalar || !(type_ == type)) {
    throw InvalidError("asked for a scalar of type " + type.name() + " from: " + describe(*this));
  }
}

namespace {

std::string describe(Form form, const Value& value) {
  const auto dims = [&] {
    std::string text = "(";
    for (const auto extent : value.shape()) {
      if (text.size() > 1) text += ", ";
      text += std::to_string(extent);
    }
    return text + ")";
  };
  switch (form) {
    case Form::scalar:
      return value.type().name();
    case Form::array:
      return value.type().name() + " " + dims();
    case Form::list:
      return "list of " + std::to_string(value.item_count());
    case Form::objects:
      return "objects " + dims();
    case Form::null:
      return value.type().name() + " null";
    case Form::unstorable:
      return "unstorable " + std::string(value.python_type());
    case Form::elided:
      return describe(value.elided_form(), value) + ", elided";
  }
  return "?";
}

}  // namespace

std::string describe(const Value& value) { return describe(value.form(), value); }

}  // namespace daybook
