#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/recover.h"

namespace daybook {

// What an event did, in one line without its kind and key: "int64 5", "[0:10] = float64 (10,)", "unit = 'us'", ….
std::string event_text(const Event& event);
// An event as a JSON object. `all_values`: also long ones.
std::string event_json(const Event& event, bool all_values);
// "salvaged from …, 3 events lost".
std::string salvage_text(const SalvageNote& note);
bool concerns_a_key(const EventBody& body);

// {"type": …, "shape": …, "value": …}
std::string value_json(const Value& value, bool all_values);
// {unit: 'us', precision: 3}; empty without attributes.
std::string attributes_text(const std::vector<std::pair<std::string, Value>>& attributes);
std::string attributes_json(const std::vector<std::pair<std::string, Value>>& attributes);

}  // namespace daybook
