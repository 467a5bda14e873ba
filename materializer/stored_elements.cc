#include "daybook/materializer/stored_elements.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"
#include "daybook/materializer/large_value.h"

namespace daybook::detail {

namespace {

constexpr std::uint64_t block_elements = 4096;

class ValueElements final : public Elements {
 public:
  ValueElements(Value value, const std::vector<UncheckedPart>& parts) : value_(std::move(value)) {
    if (!value_.is_contiguous() && !value_.type().is_variable()) segments_ = value_.segments();
    if (!parts.empty()) unchecked_ = std::make_unique<PartedBytes>(value_, parts);
  }

  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    const std::uint64_t size = value_.type().size();
    if (unchecked_) unchecked_->require(first * size, count * size);
    value_.read_bytes(first * size, {out, count * size});
  }

  void read_variable(std::uint64_t first, std::uint64_t count, std::string_view* out) const override {
    if (value_.is_contiguous()) {
      for (std::uint64_t i = 0; i < count; ++i) out[i] = value_.string_at(first + i);
      return;
    }
    copies_.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto extent = value_.extent_at(first + i);
      auto& copy = copies_.emplace_back(extent.length, '\0');
      value_.read_bytes(extent.offset, std::as_writable_bytes(std::span(copy)));
      out[i] = copy;
    }
  }

  [[nodiscard]] const std::byte* data() const override {
    return value_.type().is_variable() || !value_.is_contiguous() || unchecked_ ? nullptr : value_.bytes().data();
  }

  [[nodiscard]] std::span<const std::byte> stretch(std::uint64_t first) const override {
    std::uint64_t offset = first * value_.type().size(), begin = 0;
    for (const auto segment : segments_) {
      if (offset < begin + segment.size()) {
        if (unchecked_) unchecked_->require(offset, begin + segment.size() - offset);
        return segment.subspan(offset - begin);
      }
      begin += segment.size();
    }
    return {};
  }

  [[nodiscard]] bool is_concurrent() const override { return !value_.type().is_variable(); }

 private:
  Value value_;
  std::vector<std::span<const std::byte>> segments_;  // of one that does not stand in one piece
  std::unique_ptr<PartedBytes> unchecked_;
  mutable std::deque<std::string> copies_;
};

class NumberElements final : public Elements {
 public:
  explicit NumberElements(const WholeNumber& number) : number_(number) {}
  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    const std::uint64_t size = number_.type.size();
    std::memcpy(out, number_.bytes.data() + first * size, count * size);
  }
  void read_variable(std::uint64_t /*first*/, std::uint64_t /*count*/, std::string_view* /*out*/) const override {}
  [[nodiscard]] const std::byte* data() const override { return number_.bytes.data(); }
  [[nodiscard]] bool is_concurrent() const override { return true; }

 private:
  WholeNumber number_;
};

class ArrayElements final : public Elements {
 public:
  explicit ArrayElements(std::shared_ptr<const ArrayFold> array) : array_(std::move(array)) {}

  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    const std::uint64_t size = array_->type().size();
    array_->store().read(first * size, {out, count * size});
  }

  void read_variable(std::uint64_t first, std::uint64_t count, std::string_view* out) const override {
    const auto position = first * ElementStore::width(array_->type());
    buffer_.clear();
    buffer_.reserve(array_->store().text_bytes(position, count));
    array_->store().read_texts(position, count, out, buffer_);
  }

  [[nodiscard]] const std::byte* data() const override {
    return array_->type().is_variable() ? nullptr : array_->store().data();
  }

 private:
  std::shared_ptr<const ArrayFold> array_;
  mutable std::string buffer_;
};

// Calls use(run, first, count) for the leaves first … of a nested value, counted in elements.
template <class Use>
void each_leaf(const Value& value, std::uint64_t& skip, std::uint64_t& count, Use&& use) {
  if (count == 0) return;
  if (value.form() == Form::list || value.form() == Form::objects) {
    for (const auto& run : value.runs()) each_leaf(run, skip, count, use);
    return;
  }
  const auto elements = value.element_count();
  if (skip >= elements) {
    skip -= elements;
    return;
  }
  const auto n = std::min(count, elements - skip);
  use(value, skip, n);
  skip = 0;
  count -= n;
}

class ListElements final : public Elements {
 public:
  ListElements(std::shared_ptr<const ListFold> list, const Type& type, std::uint64_t per_item)
      : list_(std::move(list)), type_(type), per_item_(per_item) {
    if (type_.is_variable() || list_->size() == 0) return;
    const auto piece = list_->piece(0, list_->size());
    if (piece.count == list_->size() && !piece.format->packed && piece.format->type == type_) {
      direct_ = true;
      position_ = piece.position;
    }
  }

  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    const std::uint64_t size = type_.size();
    each_piece(first, count, [&](const ListFold::Piece& piece, std::uint64_t skip, std::uint64_t n) {
      if (piece.format->packed) {
        const auto item = list_->unpack(piece.position);
        each_leaf(item, skip, n, [&](const Value& run, std::uint64_t from, std::uint64_t m) {
          convert(run, from, m, out);
          out += m * size;
        });
        return;
      }
      convert(*piece.format, piece.position, skip, n, out);
      out += n * size;
    });
  }

  void read_variable(std::uint64_t first, std::uint64_t count, std::string_view* out) const override {
    texts_.clear();
    each_piece(first, count, [&](const ListFold::Piece& piece, std::uint64_t skip, std::uint64_t n) {
      if (piece.format->packed) {
        const auto item = list_->unpack(piece.position);
        each_leaf(item, skip, n, [&](const Value& run, std::uint64_t from, std::uint64_t m) {
          for (std::uint64_t i = 0; i < m; ++i) *out++ = texts_.emplace_back(run.string_at(from + i));
        });
        return;
      }
      const auto position = piece.position + skip * ElementStore::width(piece.format->type);
      auto& buffer = texts_.emplace_back();
      buffer.reserve(list_->store().text_bytes(position, n));
      list_->store().read_texts(position, n, out, buffer);
      out += n;
    });
  }

  [[nodiscard]] const std::byte* data() const override {
    const auto* all = direct_ ? list_->store().data() : nullptr;
    return all == nullptr ? nullptr : all + position_;
  }

 private:
  template <class Use>
  void each_piece(std::uint64_t first, std::uint64_t count, Use&& use) const {
    while (count > 0) {
      const auto skip = first % per_item_;
      const auto piece = list_->piece(first / per_item_, (skip + count - 1) / per_item_ + 1);
      const auto n = std::min(count, piece.count * per_item_ - skip);
      use(piece, skip, n);
      first += n;
      count -= n;
    }
  }

  const Cast& cast_from(const Type& type) const {
    for (const auto& [from, cast] : casts_) {
      if (from == type) return cast;
    }
    return casts_.emplace_back(type, Cast(type, type_)).second;
  }

  void pad(std::string_view text, std::byte* out) const {
    std::memset(out, 0, type_.size());
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
  }

  void convert(const Value& run, std::uint64_t first, std::uint64_t count, std::byte* out) const {
    if (run.type().is_variable()) {
      for (std::uint64_t i = 0; i < count; ++i) pad(run.string_at(first + i), out + i * type_.size());
    } else if (count != 0) {
      cast_from(run.type())(run.bytes().data() + first * run.type().size(), out, count);
    }
  }

  void convert(const ItemFormat& format, std::uint64_t position, std::uint64_t first, std::uint64_t count,
               std::byte* out) const {
    const auto& store = list_->store();
    const std::uint64_t width = ElementStore::width(format.type), size = type_.size();
    if (!format.type.is_variable() && cast_from(format.type).is_copy()) {
      store.read(position + first * width, {out, count * size});
      return;
    }
    for (std::uint64_t n = 0; count > 0; first += n, count -= n, out += n * size) {
      n = std::min(count, block_elements);
      if (format.type.is_variable()) {
        std::vector<std::string_view> texts(n);
        std::string buffer;
        buffer.reserve(store.text_bytes(position + first * width, n));
        store.read_texts(position + first * width, n, texts.data(), buffer);
        for (std::uint64_t i = 0; i < n; ++i) pad(texts[i], out + i * size);
      } else {
        block_.resize(n * width);
        store.read(position + first * width, block_);
        cast_from(format.type)(block_.data(), out, n);
      }
    }
  }

  std::shared_ptr<const ListFold> list_;
  Type type_;
  std::uint64_t per_item_;
  bool direct_ = false;
  std::uint64_t position_ = 0;
  mutable std::deque<std::pair<Type, Cast>> casts_;
  mutable std::vector<std::byte> block_;
  mutable std::deque<std::string> texts_;
};

class EmptyStrings final : public Elements {
 public:
  void read(std::uint64_t, std::uint64_t count, std::byte* out) const override { std::memset(out, 0, count); }
  void read_variable(std::uint64_t, std::uint64_t, std::string_view*) const override {}
};

// Strict UTF-8: no surrogates, nothing overlong, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) {
  const auto at = [&](std::size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = at(i++);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const unsigned next = at(i);
    if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f) || (lead == 0xf0 && next < 0x90) ||
        (lead == 0xf4 && next > 0x8f)) {
      return false;
    }
    for (std::size_t k = 0; k < more; ++k) {
      if ((at(i++) & 0xc0U) != 0x80) return false;
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<Elements> elements_of_value(Value value, const std::vector<UncheckedPart>& parts) {
  return std::make_unique<ValueElements>(std::move(value), parts);
}

std::unique_ptr<Elements> elements_of_number(const WholeNumber& number) {
  return std::make_unique<NumberElements>(number);
}

std::unique_ptr<Elements> elements_of_array(std::shared_ptr<const ArrayFold> array) {
  return std::make_unique<ArrayElements>(std::move(array));
}

std::unique_ptr<Elements> elements_of_list(std::shared_ptr<const ListFold> list, const Type& type,
                                           std::uint64_t per_item) {
  return std::make_unique<ListElements>(std::move(list), type, per_item);
}

std::unique_ptr<Elements> empty_strings() { return std::make_unique<EmptyStrings>(); }

void check_texts(const Elements& elements, const Type& type, std::uint64_t count) {
  if (type.kind() != Kind::string) return;
  std::vector<std::string_view> texts(std::min(count, block_elements));
  for (std::uint64_t first = 0; first < count; first += texts.size()) {
    texts.resize(std::min<std::uint64_t>(texts.size(), count - first));
    elements.read_variable(first, texts.size(), texts.data());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto where = count == 1 ? std::string("a string") : "string " + std::to_string(first + i);
      if (texts[i].find('\0') != std::string_view::npos) {
        throw InvalidError(where + " has a NUL in it: VLEN strings do not support embedded NULLs");
      }
      if (type.charset() == Charset::utf8 && !is_utf8(texts[i])) {
        throw InvalidError(where + " is not UTF-8 (a lone surrogate, perhaps): HDF5 cannot store it as text");
      }
    }
  }
}

}  // namespace daybook::detail
