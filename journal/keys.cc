#include "daybook/journal/keys.h"

#include <algorithm>

#include "daybook/journal/error.h"
#include "daybook/journal/number.h"

namespace daybook::detail {

namespace {

// start + (count - 1) * step must not wrap around before it is compared.
__extension__ using Wide = __int128;

[[noreturn]] void refuse(std::string_view key, const std::string& why) {
  throw InvalidError("dataset '" + std::string(key) + "': " + why);
}

std::string spell(std::span<const std::uint64_t> shape) {
  std::string text = "(";
  for (const auto extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + ")";
}

}  // namespace

void check_present(std::string_view key, const DatasetChain& dataset, std::string_view doing) {
  if (!dataset.present) refuse(key, "cannot " + std::string(doing) + ": it was never set, or was removed");
}

void check_mutate(std::string_view key, const DatasetChain& dataset, const Mutate& event) {
  check_present(key, dataset, "mutate it");
  if (dataset.form != Form::array && dataset.form != Form::objects) refuse(key, "only an array has regions to mutate");
  const auto rank = dataset.shape.size();
  const auto& region = event.region;
  if (region.start.size() != rank || region.count.size() != rank || region.step.size() != rank) {
    refuse(key,
           "the region has " + std::to_string(region.start.size()) + " dimensions, the array " + std::to_string(rank));
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const auto count = region.count[i];
    if (count < 0) refuse(key, "the region has a negative count");
    if (count == 0) continue;
    const auto extent = dataset.shape[i];
    const auto start = region.start[i];
    const auto last = Wide{start} + (Wide{count} - 1) * region.step[i];
    if (start < 0 || static_cast<std::uint64_t>(start) >= extent || last < 0 || last >= Wide{extent}) {
      refuse(key, "the region leaves the array's shape " + spell(dataset.shape) + " in dimension " + std::to_string(i));
    }
    if (count > 1 && region.step[i] == 0) refuse(key, "the region has a step of 0");
  }
  const auto& value = event.value;
  const bool same_shape = std::ranges::equal(
      value.shape(), region.count, [](auto extent, auto count) { return extent == static_cast<std::uint64_t>(count); });
  if (value.form() != dataset.form || !same_shape) {
    refuse(key, "the region's value must be an array of the region's shape, not " + describe(value));
  }
  if (dataset.form == Form::array && !(value.type() == dataset.type)) {
    refuse(key, "the region's value is of type " + value.type().name() + ", the array of " + dataset.type.name());
  }
}

void check_item(std::string_view key, const DatasetChain& dataset, std::uint64_t index) {
  check_present(key, dataset, "mutate it");
  if (dataset.form != Form::list) refuse(key, "only a list has items to mutate");
  if (index >= dataset.items) {
    refuse(key, "item " + std::to_string(index) + " lies beyond the list's " + std::to_string(dataset.items));
  }
}

void check_append(std::string_view key, const DatasetChain& dataset, const Append& event) {
  check_present(key, dataset, "append to it");
  if (dataset.form == Form::list) return;
  if (dataset.form != Form::array || dataset.shape.empty()) refuse(key, "only a list or an array can be appended to");
  const auto row = std::span(dataset.shape).subspan(1);
  const auto& shape = event.value.shape();
  if ((event.value.form() != Form::scalar && event.value.form() != Form::array) || !event.value.type().is_number() ||
      !dataset.type.is_number() || !std::ranges::equal(shape, row)) {
    refuse(key, "an item of " + describe(event.value) + " does not fit behind an array of " + dataset.type.name() +
                    " " + spell(dataset.shape));
  }
}

namespace {

void check_element(const DatasetChain& dataset, std::span<const std::int64_t> start, PlainNumber number) {
  check_present(dataset.key, dataset, "mutate it");
  if (dataset.form != Form::array) refuse(dataset.key, "only an array has elements to mutate");
  if (start.size() != dataset.shape.size()) {
    refuse(dataset.key, "the element's place has " + std::to_string(start.size()) + " dimensions, the array " +
                            std::to_string(dataset.shape.size()));
  }
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (static_cast<std::uint64_t>(start[i]) >= dataset.shape[i])  // also below 0
      refuse(dataset.key, "the element " + std::to_string(start[i]) + " lies outside of the array's shape " +
                              spell(dataset.shape) + " in dimension " + std::to_string(i));
  }
  if (!is_of(dataset.type, number)) {
    refuse(dataset.key,
           "the element is of type " + Type(number.kind, number.size).name() + ", the array of " + dataset.type.name());
  }
}

}  // namespace

void check_number(const DatasetChain& dataset, const NumberChange& change) {
  switch (change.what) {
    case NumberChange::What::set:
      return;
    case NumberChange::What::mutate:
      return check_element(dataset, change.start, change.number);
    case NumberChange::What::mutate_item:
      return check_item(dataset.key, dataset, change.index);
    case NumberChange::What::replace:
      return check_present(dataset.key, dataset, "replace its value");
    case NumberChange::What::append:
      check_present(dataset.key, dataset, "append to it");
      if (dataset.form == Form::list) return;
      if (dataset.form == Form::array && dataset.shape.size() == 1 && dataset.type.is_number()) return;
      return check_append(dataset.key, dataset, Append{number_value(change.number), 0});
  }
}

void take_number(DatasetChain& dataset, PlainNumber number) {
  if (dataset.form == Form::scalar && is_of(dataset.type, number)) return;
  dataset.form = Form::scalar;
  dataset.type = Type(number.kind, number.size);
  dataset.shape.clear();
  dataset.items = 0;
}

void prepare_form(DatasetChain& dataset, const Value& value) { dataset.shape.reserve(value.shape().size()); }

void take_form(DatasetChain& dataset, const Value& value) {
  dataset.form = value.form();
  dataset.type = value.type();
  dataset.shape.assign(value.shape().begin(), value.shape().end());
  dataset.items = value.form() == Form::list ? value.item_count() : 0;
}

void take_append(DatasetChain& dataset) {
  if (dataset.form == Form::list) {
    ++dataset.items;
  } else {
    ++dataset.shape.front();
  }
}

}  // namespace daybook::detail
