#include "daybook/materializer/history_elements.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t fold_memory = std::uint64_t{64} << 20;
constexpr std::uint64_t block_elements = 4096;

const Value* whole_value(const EventBody& body) {
  if (const auto* set = std::get_if<Set>(&body)) return &set->value;
  if (const auto* replace = std::get_if<Replace>(&body)) return &replace->value;
  if (const auto* archived = std::get_if<Archived>(&body)) return &archived->value;
  return nullptr;
}

std::vector<std::byte> padding(const Type& type) {
  std::vector<std::byte> element(type.size());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (type.kind() == Kind::floating || type.kind() == Kind::complex)
    Cast(Type::of<double>(), type)(reinterpret_cast<const std::byte*>(&nan), element.data(), 1);
  return element;
}

class HistoryElements final : public Elements {
 public:
  HistoryElements(HistoryCursor cursor, const Type& type, const Shape& inner)
      : cursor_(std::move(cursor)),
        type_(type),
        inner_(inner),
        per_value_(element_count(inner)),
        last_(inner.empty() ? 1 : inner[inner.size() - 1]),
        padding_(padding(type)) {}

  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    each_stretch(first, count, [&](const StoredValue* value, std::uint64_t from, std::uint64_t n) {
      if (value != nullptr)
        convert(*value, from, n, out);
      else
        for (std::uint64_t i = 0; i < n; ++i) std::memcpy(out + i * type_.size(), padding_.data(), padding_.size());
      out += n * type_.size();
    });
  }

  void read_variable(std::uint64_t first, std::uint64_t count, std::string_view* out) const override {
    texts_.clear();
    each_stretch(first, count, [&](const StoredValue* value, std::uint64_t from, std::uint64_t n) {
      views_.assign(n, {});
      if (value != nullptr) value->elements->read_variable(from, n, views_.data());
      for (const std::string_view view : views_) *out++ = texts_.emplace_back(view);
    });
  }

 private:
  // use(value, from, n): the next n elements are those of `value` from `from` on, or, if it is null, padding.
  template <class Use>
  void each_stretch(std::uint64_t first, std::uint64_t count, Use&& use) const {
    while (count > 0) {
      const StoredValue& value = cursor_.at(first / per_value_);
      std::uint64_t within = first % per_value_;
      const std::uint64_t end = std::min(per_value_, within + count);
      count -= end - within;
      first += end - within;
      if (value.shape == inner_) {
        use(&value, within, end - within);
        continue;
      }
      while (within < end) {  // row by row of the last dimension
        const std::uint64_t column = within % last_;
        const std::uint64_t stop = std::min(end, within - column + last_);
        const std::optional<std::uint64_t> row = find_row(value.shape, within / last_);
        const std::uint64_t there = row ? value.shape[value.shape.size() - 1] : 0;
        const std::uint64_t taken = column < there ? std::min(stop - within, there - column) : 0;
        if (taken > 0) use(&value, *row + column, taken);
        if (within + taken < stop) use(nullptr, 0, stop - within - taken);
        within = stop;
      }
    }
  }

  // Where the row of the last dimension with this number (in the largest shape) begins in a smaller one, if it is in it.
  [[nodiscard]] std::optional<std::uint64_t> find_row(const Shape& shape, std::uint64_t row) const {
    std::uint64_t position = 0, weight = shape[shape.size() - 1];
    for (std::size_t i = shape.size() - 1; i-- > 0; row /= inner_[i]) {
      const std::uint64_t at = row % inner_[i];
      if (at >= shape[i]) return std::nullopt;
      position += at * weight;
      weight *= shape[i];
    }
    return position;
  }

  void convert(const StoredValue& value, std::uint64_t from, std::uint64_t count, std::byte* out) const {
    if (!cast_ || !(cast_from_ == value.type)) {
      cast_.emplace(value.type, type_);
      cast_from_ = value.type;
    }
    if (cast_->is_copy()) return value.elements->read(from, count, out);
    const std::uint64_t size = value.type.size();
    for (std::uint64_t n = 0; count > 0; from += n, count -= n, out += n * type_.size()) {
      n = std::min(count, block_elements);
      block_.resize(n * size);
      value.elements->read(from, n, block_.data());
      (*cast_)(block_.data(), out, n);
    }
  }

  mutable HistoryCursor cursor_;
  Type type_;
  Shape inner_;
  std::uint64_t per_value_, last_;
  std::vector<std::byte> padding_;
  mutable std::optional<Cast> cast_;
  mutable Type cast_from_;
  mutable std::vector<std::byte> block_;
  mutable std::deque<std::string> texts_;
  mutable std::vector<std::string_view> views_;
};

}  // namespace

const StoredValue& HistoryCursor::at(std::size_t index) {
  if (position_ != index || !present_) {
    present_.reset();  // it shares the fold's elements
    go_to(index);
    try {
      Fold copy = *fold_;
      present_.emplace(std::move(copy).stored());
    } catch (InvalidError& e) {
      e.add_context("its value at event " + std::to_string(events_[index]));
      throw;
    }
  }
  return *present_;
}

void HistoryCursor::apply(const Event& event) {
  if (whole_value(event.body) != nullptr) {
    fold_.reset();
    whole_ = event;
    fold_.emplace(*whole_value(whole_.body), fold_memory);
    return;
  }
  if (!fold_)
    throw CorruptError("event " + std::to_string(event.sequence) +
                       " changes a value that is not there: see `daybook verify`");
  fold_->apply(event);
}

void HistoryCursor::go_to(std::size_t index) {
  Event last = reader_->event(events_[index]);
  // From the newest whole value, unless the way from here is shorter.
  const auto found = std::lower_bound(events_.begin(), events_.end(), last.base);
  auto next = static_cast<std::size_t>(found - events_.begin());
  if (position_ && *position_ < index && *position_ >= next) next = *position_ + 1;
  for (; next < index; ++next) apply(reader_->event(events_[next]));
  apply(last);
  position_ = index;
}

std::unique_ptr<Elements> elements_of_history(HistoryCursor cursor, const Type& type, const Shape& inner) {
  return std::make_unique<HistoryElements>(std::move(cursor), type, inner);
}

}  // namespace daybook::detail
