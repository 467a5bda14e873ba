#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "daybook/materializer/fold.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// The values that one dataset had after each of these events of its chain, which are in order. Going forward applies each
// event once; going back starts again at the newest whole value before. Borrows from the reader's snapshot.
class HistoryCursor {
 public:
  HistoryCursor(const Reader& reader, std::vector<Sequence> events) : reader_(&reader), events_(std::move(events)) {}

  // Lives until the next call. InvalidError, naming the event, for a value that cannot be stored.
  const StoredValue& at(std::size_t index);

 private:
  void go_to(std::size_t index);
  void apply(const Event& event);

  const Reader* reader_;
  std::vector<Sequence> events_;
  Event whole_;  // what the fold borrows from
  std::optional<Fold> fold_;
  std::optional<std::size_t> position_;  // of the fold
  std::optional<StoredValue> present_;
};

// All values along a new first dimension, each cast to `type` and padded to the shape `inner`.
std::unique_ptr<Elements> elements_of_history(HistoryCursor cursor, const Type& type, const Shape& inner);

// Element i is get(i).
template <class T>
std::unique_ptr<Elements> elements_of_function(std::function<T(std::uint64_t)> get) {
  class FunctionElements final : public Elements {
   public:
    explicit FunctionElements(std::function<T(std::uint64_t)> function) : get_(std::move(function)) {}
    void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
      for (std::uint64_t i = 0; i < count; ++i) {
        const T value = get_(first + i);
        std::memcpy(out + i * sizeof value, &value, sizeof value);
      }
    }
    void read_variable(std::uint64_t, std::uint64_t, std::string_view*) const override {}

   private:
    std::function<T(std::uint64_t)> get_;
  };
  return std::make_unique<FunctionElements>(std::move(get));
}

}  // namespace daybook::detail
