#include <deque>
#include <fstream>

#include "harness.h"
#include "store.h"
#include "tools/trace.h"

namespace bench {
namespace {

// Makes a decoded event independent of its decoder.
struct Owned {
  std::deque<std::string> texts;
  std::vector<daybook::Event> events;

  std::string_view keep(std::string_view text) { return texts.emplace_back(text); }

  void add(const daybook::Event& decoded) {
    daybook::Event event = decoded;
    event.key = keep(event.key);
    std::visit(
        [&](auto& body) {
          if constexpr (requires { body.value.owned(); }) body.value = body.value.owned();
          if constexpr (requires { body.stage; }) body.stage = keep(body.stage);
          if constexpr (requires { body.metadata; }) own(body.metadata);
          if constexpr (requires { body.options; }) own(body.options);
        },
        event.body);
    events.push_back(std::move(event));
  }

  void own(std::vector<daybook::Attribute>& attributes) {
    for (auto& attribute : attributes) attribute = {keep(attribute.name), attribute.value.owned()};
  }
};

bool is_of_a_dataset(const daybook::Event& event) {
  using namespace daybook;
  return std::holds_alternative<Set>(event.body) || std::holds_alternative<Mutate>(event.body) ||
         std::holds_alternative<MutateItem>(event.body) || std::holds_alternative<Append>(event.body);
}

}  // namespace

const std::vector<daybook::Event>& recorded_events() {
  static const Owned recorded = [] {
    const std::string trace = std::string(DAYBOOK_BENCH_TRACE);
    std::ifstream lines(trace);
    require(lines.good(), "open " + trace);
    daybook::TraceDecoder decoder(trace);
    Owned owned;
    for (std::string line; std::getline(lines, line);)
      for (const auto& event : decoder.decode(line).events)
        if (is_of_a_dataset(event)) owned.add(event);
    require(!owned.events.empty(), trace + " has no events");
    return owned;
  }();
  return recorded.events;
}

}  // namespace bench
