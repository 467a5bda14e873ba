#include "daybook/journal/event.h"

namespace daybook {

std::string to_string(const Uuid& uuid) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[uuid[i] >> 4U];
    text += digits[uuid[i] & 15U];
  }
  return text;
}

std::string_view kind_name(const EventBody& body) {
  // In the order of EventBody.
  constexpr std::array<std::string_view, std::variant_size_v<EventBody>> names{
      "runStarted", "stageChanged", "set",        "mutate",       "mutateItem", "replace", "append", "remove",
      "archived",   "setAttribute", "checkpoint", "materialized", "runEnded",   "part",    "lost",   "unknown"};
  return names[body.index()];
}

}  // namespace daybook
