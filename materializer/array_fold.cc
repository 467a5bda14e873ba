#include "daybook/materializer/array_fold.h"

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"
#include "daybook/materializer/region_walk.h"

namespace daybook::detail {

namespace {

bool is_plain(const Value& value) {
  return (value.form() == Form::scalar || value.form() == Form::array) && value.count() == 1;
}

}  // namespace

ArrayFold::ArrayFold(const Value& base, std::uint64_t memory, const ElementStore::Before& before)
    : type_(base.type()),
      form_(base.form()),
      shape_(base.shape()),
      width_(ElementStore::width(base.type())),
      store_(base.type().is_variable() ? memory / 2 : memory, memory / 2) {
  store_.append(base, before);
}

void ArrayFold::mutate(const Region& region, const Value& value) {
  const auto total = check_region(shape_, region);
  if (!is_plain(value) || !(value.type() == type_) || value.element_count() != total) {
    throw CorruptError("a region of " + std::to_string(total) + " elements of type " + type_.name() +
                       " was to be filled with: " + describe(value));
  }
  if (total == 0) return;
  std::uint64_t done = 0;
  walk_region(shape_, region, [&](std::uint64_t first, std::int64_t stride, std::uint64_t count) {
    if (stride == 1) {
      store_.overwrite(first * width_, value, done, count);
    } else {
      store_.scatter(first * width_, stride * static_cast<std::int64_t>(width_), value, done, count);
    }
    done += count;
  });
}

void ArrayFold::append(const Value& value) {
  if (shape_.empty()) throw CorruptError("an item was appended to a single " + type_.name() + ", which cannot grow");
  std::uint64_t row = 1;
  if (shape_.size() > 1) row = element_count(std::span<const std::uint64_t>(shape_.data() + 1, shape_.size() - 1));
  if (!is_plain(value) || value.element_count() != row) {
    throw CorruptError("a row of " + std::to_string(row) +
                       " elements was to be appended to an array, but got: " + describe(value));
  }
  if (value.type() == type_) {
    store_.append(value);
  } else {
    if (type_.is_variable() || value.type().is_variable()) {
      throw CorruptError("a " + value.type().name() + " was appended to an array of " + type_.name());
    }
    const auto given = value.owned();
    std::vector<std::byte> bytes(row * width_);
    Cast(given.type(), type_)(given.bytes().data(), bytes.data(), row);
    store_.append(std::span<const std::byte>(bytes));
  }
  ++shape_[0];
}

Value ArrayFold::value() const {
  const auto count = element_count(std::as_const(shape_));
  if (!type_.is_variable()) {
    std::vector<std::byte> bytes(count * width_);
    store_.read(0, bytes);
    return Value::raw(form_, type_, shape_, 1, {bytes}).owned();
  }
  std::string buffer;
  buffer.reserve(store_.text_bytes(0, count));
  std::vector<std::string_view> texts(count);
  store_.read_texts(0, count, texts.data(), buffer);
  return pack_texts(form_, type_, shape_, 1, texts);
}

}  // namespace daybook::detail
