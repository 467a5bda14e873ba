#include "daybook/materializer/value_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daybook/journal/error.h"
#include "daybook/materializer/history_elements.h"
#include "daybook/materializer/numpy.h"
#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t variable_element = 16;
constexpr double second = 1e9;

const Value* whole_value(const EventBody& body) {
  if (const auto* set = std::get_if<Set>(&body)) return &set->value;
  if (const auto* replace = std::get_if<Replace>(&body)) return &replace->value;
  if (const auto* archived = std::get_if<Archived>(&body)) return &archived->value;
  return nullptr;
}

std::uint64_t growable_items(const Value& value) {
  if (value.form() == Form::list) return value.item_count();
  return value.shape().empty() ? 0 : value.shape()[0];
}

bool can_grow(const Value& value) {
  return value.form() == Form::list || (value.form() == Form::array && !value.shape().empty());
}

std::string who(const DatasetState& state) { return "the history of " + quote_name(state.key); }

// Gathers what all values of a history have in common.
class Gathering {
 public:
  Gathering(const History& history, std::size_t count) : history_(history), count_(count) {}

  void add(Sequence sequence, const StoredValue& value) {
    if (value.form == Form::null)
      throw InvalidError(
          fmt::format("{}: event {} holds an empty value (HDF5's null dataspace), which has no place in "
                      "an array",
                      who(history_.state), sequence));
    if (!type_) {
      type_ = value.type;
      inner_ = value.shape;
      first_ = sequence;
    } else {
      add_type(sequence, value.type);
      add_shape(sequence, value.shape);
    }
    check_size();
  }

  void finish(HistoryShape& shape) const {
    if (!type_) throw InvalidError(fmt::format("{} is empty", who(history_.state)));
    shape.type = *type_;
    shape.inner = inner_;
    shape.differs = differs_;
  }

 private:
  void add_type(Sequence sequence, const Type& type) {
    if (type == last_) return;
    last_ = type;
    if (type == *type_) return;
    std::optional<Type> both = promote(*type_, type);
    if (!both)
      throw InvalidError(
          fmt::format("{}: event {} made it {}, but it was {} before (event {}): NumPy has no common "
                      "type for the two",
                      who(history_.state), sequence, type.name(), type_->name(), first_));
    type_ = std::move(both);
  }

  void add_shape(Sequence sequence, const Shape& shape) {
    if (shape == inner_) return;
    if (shape.size() != inner_.size())
      throw InvalidError(
          fmt::format("{}: event {} gave it {} dimensions, but it had {} before (event {}): such values "
                      "cannot stand in one array",
                      who(history_.state), sequence, shape.size(), inner_.size(), first_));
    differs_ = true;
    for (std::size_t i = 0; i < shape.size(); ++i) inner_[i] = std::max(inner_[i], shape[i]);
  }

  void check_size() const {
    const std::uint64_t width = type_->is_variable() ? variable_element : type_->size();
    const double bytes =
        static_cast<double>(count_) * static_cast<double>(element_count(inner_)) * static_cast<double>(width);
    if (bytes <= static_cast<double>(history_.max_bytes)) return;
    throw InvalidError(
        fmt::format("{} takes {:.0f} bytes or more ({} values of up to {} bytes), but at most {} are "
                    "allowed: raise max-bytes, or leave this key out",
                    who(history_.state), bytes, count_, element_count(inner_) * width, history_.max_bytes));
  }

  const History& history_;
  std::size_t count_;
  std::optional<Type> type_;
  Type last_;
  Shape inner_;
  Sequence first_ = 0;
  bool differs_ = false;
};

Shape with_first(std::uint64_t count, const Shape& inner) {
  if (inner.size() == max_rank) throw InvalidError("a history of values with 32 dimensions would have 33");
  Shape shape{count};
  for (const auto extent : inner) shape.push_back(extent);
  return shape;
}

std::vector<Sequence> sequences(const HistoryPoints& points) {
  std::vector<Sequence> all;
  all.reserve(points.points.size());
  for (const auto& point : points.points) all.push_back(point.sequence);
  return all;
}

// The final value of what only grew. InvalidError if the events do not account for every item.
StoredValue grown(const Reader& reader, const History& history, const HistoryPoints& points) {
  StoredValue value = replay(reader, history.state);
  const std::uint64_t bytes = value.count() * (value.type.is_variable() ? variable_element : value.type.size());
  if (bytes > history.max_bytes)
    throw InvalidError(
        fmt::format("{} takes {} bytes, but at most {} are allowed: raise max-bytes, or leave this key "
                    "out",
                    who(history.state), bytes, history.max_bytes));
  if (value.shape.empty() || value.shape[0] != points.points.size())
    throw InvalidError(fmt::format("{}: {} items came by {} events", who(history.state),
                                   value.shape.empty() ? 0 : value.shape[0], points.points.size()));
  return value;
}

HistoryShape folded_shape(const Reader& reader, const History& history, HistoryPoints points) {
  HistoryShape shape{std::move(points), {}, {}, false};
  Gathering gathering(history, shape.points.points.size());
  HistoryCursor cursor(reader, sequences(shape.points));
  for (std::size_t i = 0; i < shape.points.points.size(); ++i)
    gathering.add(shape.points.points[i].sequence, cursor.at(i));
  gathering.finish(shape);
  return shape;
}

// Shared with whoever has looked at the values already.
std::shared_ptr<const HistoryPoints> known_points(const Reader& reader, const History& history) {
  if (history.known) return {history.known, &history.known->points};
  return std::make_shared<const HistoryPoints>(history_points(reader, history.state));
}

template <class T, class Get>
StoredValue numbers(std::shared_ptr<const HistoryPoints> points, Get get) {
  const Shape shape{points->points.size()};
  std::function<T(std::uint64_t)> element = [points = std::move(points), get](std::uint64_t i) {
    return get(points->points[i]);
  };
  auto elements = elements_of_function(std::move(element));
  return {Form::array, Type::of<T>(), shape, std::move(elements)};
}

}  // namespace

HistoryPoints history_points(const Reader& reader, const DatasetState& state) {
  HistoryPoints found;
  bool grew = false, only_grew = true;
  std::uint64_t initial = 0;
  for (Sequence sequence = state.head; sequence != 0;) {
    const Event event = reader.event(sequence);
    const Value* whole = whole_value(event.body);
    const bool first = event.previous == 0;
    if (first) {
      only_grew = only_grew && whole != nullptr && can_grow(*whole);
      if (whole != nullptr && only_grew) initial = growable_items(*whole);
    } else {
      const bool append = std::holds_alternative<Append>(event.body);
      grew = grew || append;
      only_grew = only_grew && append;
    }
    if (!std::holds_alternative<Remove>(event.body)) found.points.push_back({sequence, event.time});
    if (event.previous >= sequence)
      throw CorruptError(fmt::format("event {} of {} does not lead back to the one before it: run 'daybook verify'",
                                     sequence, quote_name(state.key)));
    sequence = event.previous;
  }
  std::reverse(found.points.begin(), found.points.end());
  if (only_grew && (grew || initial == 0)) {
    found.way = HistoryPoints::Way::items;
    const HistoryPoints::Point set = found.points.front();
    found.points.erase(found.points.begin());
    found.points.insert(found.points.begin(), initial, set);
  }
  return found;
}

SharedHistoryShape history_shape(const Reader& reader, const History& history) {
  if (history.known) return history.known;
  HistoryPoints points = history_points(reader, history.state);
  if (points.way == HistoryPoints::Way::values)
    return std::make_shared<const HistoryShape>(folded_shape(reader, history, std::move(points)));
  const StoredValue value = grown(reader, history, points);
  HistoryShape shape{std::move(points), value.type, {}, false};
  for (std::size_t i = 1; i < value.shape.size(); ++i) shape.inner.push_back(value.shape[i]);
  return std::make_shared<const HistoryShape>(std::move(shape));
}

StoredAs history_stored_as(const Reader& reader, const History& history) {
  if (history.part == History::Part::values || history.part == History::Part::shapes) {
    const SharedHistoryShape shape = history_shape(reader, history);
    const std::uint64_t count = shape->points.points.size();
    if (history.part == History::Part::values) return {Form::array, shape->type, with_first(count, shape->inner)};
    return {Form::array, Type::of<std::uint64_t>(), {count, shape->inner.size()}};
  }
  const std::uint64_t count = known_points(reader, history)->points.size();
  const bool times = history.part == History::Part::times;
  return {Form::array, times ? Type::of<double>() : Type::of<std::uint64_t>(), {count}};
}

StoredValue stored_history(const Reader& reader, const History& history) {
  using Point = HistoryPoints::Point;
  if (history.part == History::Part::times)
    return numbers<double>(known_points(reader, history), [](const Point& point) {
      return static_cast<double>(static_cast<long double>(point.time) / second);
    });
  if (history.part == History::Part::sequences)
    return numbers<std::uint64_t>(known_points(reader, history), [](const Point& point) { return point.sequence; });
  const SharedHistoryShape shape = history_shape(reader, history);
  const bool items = shape->points.way == HistoryPoints::Way::items;
  const std::uint64_t count = shape->points.points.size();
  const std::uint64_t rank = shape->inner.size();
  if (history.part == History::Part::values) {
    if (items) return grown(reader, history, shape->points);
    return {Form::array, shape->type, with_first(count, shape->inner),
            elements_of_history(HistoryCursor(reader, sequences(shape->points)), shape->type, shape->inner)};
  }
  std::function<std::uint64_t(std::uint64_t)> extent = [shape, rank](std::uint64_t i) {
    return shape->inner[i % rank];
  };
  if (!items)
    extent = [cursor = std::make_shared<HistoryCursor>(reader, sequences(shape->points)), rank](std::uint64_t i) {
      return cursor->at(i / rank).shape[i % rank];
    };
  return {Form::array, Type::of<std::uint64_t>(), {count, rank}, elements_of_function(std::move(extent))};
}

}  // namespace daybook::detail
