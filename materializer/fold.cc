#include "daybook/materializer/fold.h"

#include "daybook/journal/error.h"
#include "daybook/materializer/discovery.h"
#include "daybook/materializer/large_value.h"
#include "daybook/materializer/region_walk.h"
#include "daybook/materializer/stored_elements.h"

namespace daybook::detail {

namespace {

// The items of a list or object array, one after the other, in constant time each.
class ItemCursor {
 public:
  explicit ItemCursor(const Value& value) : value_(value) {}
  Value next() {
    while (within_ == value_.runs()[run_].count()) {
      ++run_;
      within_ = 0;
    }
    const auto& run = value_.runs()[run_];
    if (run.count() == 1) {
      ++within_;
      return run;
    }
    if (within_ == 0) whole_ = Value::raw(Form::list, {}, {}, 1, {}, {run});
    return whole_.item(within_++);
  }

 private:
  const Value& value_;
  std::size_t run_ = 0;
  std::uint64_t within_ = 0;
  Value whole_;  // the present run as a list
};

StoredValue finished(const ArrayType& type, std::unique_ptr<Elements> elements) {
  StoredValue stored{type.shape.empty() ? Form::scalar : Form::array, type.type, type.shape, std::move(elements)};
  check_texts(*stored.elements, stored.type, stored.count());
  return stored;
}

StoredValue stored_plain(Value value, const std::vector<UncheckedPart>& parts = {}) {
  if (value.type() == Type::fixed_string(0)) {
    return finished({Type::fixed_string(1), value.shape()}, empty_strings());
  }
  check_storable(value.type());
  const ArrayType type{value.type(), value.shape()};
  return finished(type, elements_of_value(std::move(value), parts));
}

// A list that is one run of leaves need not be taken apart: it is the array already.
bool is_one_run(const Value& list) {
  if (list.runs().size() != 1) return false;
  const auto& run = list.runs().front();
  if (run.form() == Form::scalar && run.type().kind() == Kind::string) return true;
  return (run.form() == Form::scalar || run.form() == Form::array) && run.shape().size() < max_rank &&
         run.type().is_number() && run.type().order() == Type::of<std::int64_t>().order();
}

}  // namespace

void Fold::check_base() {
  check_all(parts_);
  parts_.clear();
}

ListFold& Fold::list() {
  if (!list_) {
    check_base();
    list_ = std::make_shared<ListFold>(memory_);
    for (const auto& run : base_.runs()) list_->append(run);
  }
  return *list_;
}

ArrayFold& Fold::array() {
  if (!array_ && (parts_.empty() || base_.type().is_variable())) {
    check_base();
    array_ = std::make_shared<ArrayFold>(base_, memory_);
  } else if (!array_) {
    PartedBytes bytes(base_, parts_);
    array_ = std::make_shared<ArrayFold>(base_, memory_, [&](auto first, auto count) { bytes.require(first, count); });
    parts_.clear();
  }
  return *array_;
}

void Fold::change(const Mutate& body) {
  if (base_.form() == Form::scalar || base_.form() == Form::array) return array().mutate(body.region, body.value);
  if (base_.form() != Form::objects) throw CorruptError("a region of " + describe(base_) + " was to be changed");
  const auto total = check_region(base_.shape(), body.region);
  const bool is_objects = body.value.form() == Form::objects;
  const auto given = is_objects ? body.value.item_count() : body.value.element_count();
  if (given != total || (!is_objects && (body.value.form() != Form::scalar && body.value.form() != Form::array))) {
    throw CorruptError("a region of " + std::to_string(total) +
                       " objects was to be filled with: " + describe(body.value));
  }
  if (total == 0) return;
  const auto source = is_objects
                          ? body.value
                          : Value::raw(Form::list, {}, {}, 1, {},
                                       {Value::raw(Form::scalar, body.value.type(), {}, given, body.value.segments())});
  ItemCursor items(source);
  walk_region(base_.shape(), body.region, [&](std::uint64_t first, std::int64_t stride, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      list().set(first + static_cast<std::uint64_t>(static_cast<std::int64_t>(i) * stride), items.next());
    }
  });
}

void Fold::change(const MutateItem& body) {
  if (base_.form() != Form::list && base_.form() != Form::objects) {
    throw CorruptError("an item of " + describe(base_) + " was to be replaced");
  }
  list().set(body.index, body.value);
}

void Fold::change(const Append& body) {
  if (base_.form() == Form::scalar || base_.form() == Form::array) return array().append(body.value);
  if (base_.form() != Form::list) throw CorruptError("an item was appended to " + describe(base_));
  if (body.value.count() != 1) throw CorruptError("several items were appended as one");
  list().append(body.value);
}

template <class Change>
void Fold::guarded(const Event& event, const Change& change) {
  const auto where = [&] {
    return "event " + std::to_string(event.sequence) + " (" + std::string(kind_name(event.body)) + " of '" +
           std::string(event.key) + "')";
  };
  try {
    change();
  } catch (const InvalidError& e) {  // a value that cannot be what the event says
    throw CorruptError(where() + ": " + e.what());
  } catch (Error& e) {
    e.add_context(where());
    throw;
  }
}

void Fold::apply(const Event& event) {
  guarded(event, [&] {
    std::visit(
        [&](const auto& body) {
          using Body = std::decay_t<decltype(body)>;
          if constexpr (std::is_same_v<Body, Mutate> || std::is_same_v<Body, MutateItem> ||
                        std::is_same_v<Body, Append>) {
            change(body);
          } else {
            throw CorruptError("this kind of event does not change a value in part");
          }
        },
        event.body);
  });
}

void Fold::apply(const Event& like, std::span<const std::byte> items) {
  const Value& item = std::get<Append>(like.body).value;
  const auto size = item.byte_size();
  guarded(like, [&] {
    if (base_.form() == Form::list) {
      list().append(Value::raw(item.form(), item.type(), item.shape(), items.size() / size, {items}));
      return;
    }
    for (; !items.empty(); items = items.subspan(size))
      change(Append{Value::raw(item.form(), item.type(), item.shape(), 1, {items.first(size)}), 0});
  });
}

StoredValue Fold::stored() && {
  if (base_.type().is_variable()) check_base();
  switch (base_.form()) {
    case Form::scalar:
    case Form::array:
      if (!array_) return stored_plain(std::move(base_), parts_);
      if (array_->type().size() == 0 && !array_->type().is_variable()) return stored_plain(array_->value());
      return finished({array_->type(), array_->shape()}, elements_of_array(array_));
    case Form::list: {
      if (!list_ && is_one_run(base_)) {
        const auto& run = base_.runs().front();
        Shape shape{run.count()};
        for (const auto extent : run.shape()) shape.push_back(extent);
        if (run.type().is_variable()) check_base();
        return finished({run.type(), shape}, elements_of_value(run, parts_));
      }
      const auto type = discover_list(list());
      const auto per_item = list_->size() == 0 ? 1 : element_count(std::as_const(type.shape)) / list_->size();
      return finished(type, elements_of_list(list_, type.type, per_item));
    }
    case Form::objects: {
      const auto type = discover_objects(list(), base_.shape());
      return finished(type, elements_of_list(list_, type.type, 1));
    }
    case Form::null: {
      StoredValue stored;
      stored.form = Form::null;
      stored.type = base_.type();
      check_storable(stored.type);
      return stored;
    }
    case Form::elided:
      throw ElidedError("the value was dropped by the journal's retention");
    case Form::unstorable:
      break;
  }
  throw InvalidError("HDF5 cannot hold " + std::string(base_.repr()) + " of Python type " +
                     std::string(base_.python_type()));
}

Value Fold::value() {
  check_base();
  if (array_) return array_->value();
  if (!list_) return base_.owned();
  if (base_.form() == Form::objects) return Value::objects(base_.shape(), list_->items());
  return Value::list(list_->items());
}

}  // namespace daybook::detail
