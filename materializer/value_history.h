#pragma once

#include <memory>
#include <vector>

#include "daybook/materializer/node_value.h"
#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// The events that gave a dataset a value, oldest first, and what they make together.
struct HistoryPoints {
  // Neither whole values at every event nor items: see below.
  enum class Way : std::uint8_t {
    values,  // point i is the dataset's whole value after that event
    items,   // set once, then only appended to: point i is when item i of the final value came
  };
  struct Point {
    Sequence sequence = 0;
    Nanoseconds time = 0;
  };
  Way way = Way::values;
  std::vector<Point> points;
};

// Walks the chain back from the state's head to its first event. Reads each event once; keeps 16 bytes of it.
HistoryPoints history_points(const Reader& reader, const DatasetState& state);

// Looks at every value. InvalidError if they cannot stand in one array: of different numbers of dimensions, of types that
// NumPy would not promote, one that cannot be stored, or more than `max_bytes`.
struct HistoryShape {
  HistoryPoints points;
  Type type;
  Shape inner;           // of the largest value
  bool differs = false;  // not all are of that shape
};
HistoryShape history_shape(const Reader& reader, const History& history);

// What a History node has in the file. The elements are folded from the journal while they are read: fast in order, and
// in bounded memory.
StoredAs history_stored_as(const Reader& reader, const History& history);
StoredValue stored_history(const Reader& reader, const History& history);

}  // namespace daybook::detail
