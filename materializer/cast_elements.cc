#include "daybook/materializer/cast_elements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"
#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t block_elements = 4096;
constexpr std::size_t wide_block = 256;
constexpr std::size_t shown_text = 40;

std::string_view without_padding(std::string_view text) { return text.substr(0, text.find_last_not_of('\0') + 1); }

std::string_view fixed_text(const Type& type, const std::byte* element) {
  return without_padding({reinterpret_cast<const char*>(element), type.size()});
}

Type integer_of(const Type& type) { return type.kind() == Kind::enumeration ? type.base() : type; }

// Every number fits a complex of two x87 floats as it is.
std::optional<std::uint64_t> first_other_number(const Type& from, const std::byte* before, const Type& to,
                                                const std::byte* after, std::uint64_t count) {
  const bool complex = from.kind() == Kind::complex || to.kind() == Kind::complex;
  const std::size_t parts = complex ? 2 : 1;
  const Type wide = complex ? Type(Kind::complex, 32) : Type::of<long double>();
  const Cast widen_before(from, wide), widen_after(to, wide);
  std::array<long double, 2 * wide_block> old, fresh;
  for (std::uint64_t done = 0; done < count;) {
    const std::uint64_t n = std::min<std::uint64_t>(wide_block, count - done);
    widen_before(before + done * from.size(), reinterpret_cast<std::byte*>(old.data()), n);
    widen_after(after + done * to.size(), reinterpret_cast<std::byte*>(fresh.data()), n);
    for (std::size_t i = 0; i < n * parts; ++i)
      if (old[i] != fresh[i] && !(std::isnan(old[i]) && std::isnan(fresh[i]))) return done + i / parts;
    done += n;
  }
  return std::nullopt;
}

bool is_cut(const Type& from, const std::byte* element, const Type& to) {
  if (from.kind() == Kind::fixed_string) return fixed_text(from, element).size() > to.size();
  return number_text(from, element).size() > to.size();
}

bool members_change(const Type& from, const std::byte* before, const Type& to, const std::byte* after) {
  for (std::size_t i = 0; i < from.members().size(); ++i) {
    const Member &a = from.members()[i], &b = to.members()[i];
    if (first_change(a.type, before + a.offset, b.type, after + b.offset, element_count(a.dims))) return true;
  }
  return false;
}

// A block of elements of the wanted type, and how they looked before.
class Converter {
 public:
  Converter(const Type& from, const Type& to) : from_(from), to_(to) {
    if (from.kind() != Kind::string) cast_.emplace(from, to);
  }

  void convert(const Elements& elements, std::uint64_t first, std::uint64_t count, std::byte* out) const {
    if (!cast_) {
      texts_.resize(count);
      elements.read_variable(first, count, texts_.data());
      std::memset(out, 0, count * to_.size());
      for (std::uint64_t i = 0; i < count; ++i)
        std::memcpy(out + i * to_.size(), texts_[i].data(), std::min<std::size_t>(texts_[i].size(), to_.size()));
      return;
    }
    before_.resize(count * from_.size());
    elements.read(first, count, before_.data());
    (*cast_)(before_.data(), out, count);
  }

  // Of the block converted last.
  [[nodiscard]] std::optional<std::uint64_t> changed(const std::byte* out, std::uint64_t count) const {
    if (cast_) return first_change(from_, before_.data(), to_, out, count);
    const auto found =
        std::find_if(texts_.begin(), texts_.end(), [&](std::string_view text) { return text.size() > to_.size(); });
    return found == texts_.end() ? std::nullopt
                                 : std::optional<std::uint64_t>(static_cast<std::uint64_t>(found - texts_.begin()));
  }

  [[nodiscard]] std::string before_text(std::uint64_t i) const {
    return cast_ ? element_text(from_, before_.data() + i * from_.size()) : quoted(texts_[i]);
  }

  static std::string element_text(const Type& type, const std::byte* element) {
    if (type.kind() == Kind::fixed_string) return quoted(fixed_text(type, element));
    return integer_of(type).is_number() ? number_text(integer_of(type), element) : type.name();
  }

 private:
  static std::string quoted(std::string_view text) {
    return quote_name(text.substr(0, shown_text)) + (text.size() > shown_text ? "…" : "");
  }

  Type from_, to_;
  std::optional<Cast> cast_;
  mutable std::vector<std::byte> before_;
  mutable std::vector<std::string_view> texts_;
};

class CastElements final : public Elements {
 public:
  CastElements(std::unique_ptr<Elements> inner, const Type& from, const Type& to)
      : inner_(std::move(inner)), converter_(from, to), size_(to.size()) {}

  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    while (count > 0) {
      const std::uint64_t n = std::min(count, block_elements);
      converter_.convert(*inner_, first, n, out);
      first += n;
      count -= n;
      out += n * size_;
    }
  }
  void read_variable(std::uint64_t, std::uint64_t, std::string_view*) const override {}

 private:
  std::unique_ptr<Elements> inner_;
  Converter converter_;
  std::uint64_t size_;
};

std::string index_text(std::uint64_t element, const Shape& shape) {
  if (shape.empty()) return "its value";
  std::vector<std::uint64_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; element /= shape[i]) index[i] = element % shape[i];
  return fmt::format("element [{}]", fmt::join(index, ", "));
}

void check_all(const StoredValue& value, const Type& to) {
  const Converter converter(value.type, to);
  std::vector<std::byte> out(std::min(value.count(), block_elements) * to.size());
  for (std::uint64_t first = 0; first < value.count(); first += block_elements) {
    const std::uint64_t n = std::min(block_elements, value.count() - first);
    converter.convert(*value.elements, first, n, out.data());
    const auto changed = converter.changed(out.data(), n);
    if (!changed) continue;
    throw InvalidError(fmt::format("keeps its type {}: as {} {} would change from {} to {}; allow-loss accepts that",
                                   value.type.name(), to.name(), index_text(first + *changed, value.shape),
                                   converter.before_text(*changed),
                                   Converter::element_text(to, out.data() + *changed * to.size())));
  }
}

}  // namespace

std::optional<std::uint64_t> first_change(const Type& given_from, const std::byte* before, const Type& given_to,
                                          const std::byte* after, std::uint64_t count) {
  const Type from = integer_of(given_from), to = integer_of(given_to);
  if (from == to) return std::nullopt;
  if (from.is_number() && to.is_number()) return first_other_number(from, before, to, after, count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::byte* element = before + i * from.size();
    if (to.kind() == Kind::fixed_string && is_cut(from, element, to)) return i;
    if (to.kind() == Kind::compound && members_change(from, element, to, after + i * to.size())) return i;
  }
  return std::nullopt;
}

bool can_cast(const Type& from, const Type& to) {
  if (from == to) return true;
  if (from.kind() == Kind::string) return to.kind() == Kind::fixed_string;
  try {
    const Cast made(from, to);
    return true;
  } catch (const InvalidError&) {
    return false;
  }
}

StoredValue cast_value(StoredValue value, const CastTo& to) {
  if (value.type == to.type) return value;
  if (!can_cast(value.type, to.type))
    throw InvalidError(
        fmt::format("keeps its type: there is no conversion from {} to {}", value.type.name(), to.type.name()));
  if (value.form != Form::null) {
    if (!to.lossy) check_all(value, to.type);
    value.elements = std::make_unique<CastElements>(std::move(value.elements), value.type, to.type);
  }
  value.type = to.type;
  return value;
}

}  // namespace daybook::detail
