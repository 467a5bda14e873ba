#include "tools/event_text.h"

#include <fmt/format.h>

#include "tools/json_object.h"
#include "tools/moment.h"
#include "tools/print.h"

namespace daybook {
namespace {

constexpr std::uint64_t short_elements = 16;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

__extension__ using Wide = __int128;
using Attributes = std::vector<std::pair<std::string, Value>>;

Attributes named(const std::vector<Attribute>& attributes) {
  Attributes out;
  for (const Attribute& attribute : attributes) out.emplace_back(attribute.name, attribute.value);
  return out;
}

// As Python would write the index: [0:10, 3, 8:0:-2].
std::string region_text(const Region& region) {
  std::string text = "[";
  for (std::size_t i = 0; i < region.count.size(); ++i) {
    const std::int64_t start = region.start[i], count = region.count[i], step = region.step[i];
    if (i != 0) text += ", ";
    if (count == 1) {
      text += fmt::format("{}", start);
      continue;
    }
    const Wide stop = start + Wide{count} * step;  // of an event that no journal took, at most, but it may be read
    text += fmt::format("{}:{}", start, stop < 0 ? "" : fmt::format("{}", stop));
    if (step != 1) text += fmt::format(":{}", step);
  }
  return text + "]";
}

std::string numbers_json(const Extents<std::int64_t>& numbers) {
  return json_array(std::vector<std::int64_t>(numbers.begin(), numbers.end()));
}

std::string set_text(const Set& set) {
  std::string text = brief_text(set.value);
  if (set.broadcast) text += ", broadcast";
  if (set.persist) text += ", persist";
  if (!set.archive) text += ", not for the file";
  if (!set.metadata.empty()) text += ", " + attributes_text(named(set.metadata));
  if (!set.options.empty()) text += ", stored with " + attributes_text(named(set.options));
  return text;
}

std::uint64_t elements_in(const Value& value) {
  std::uint64_t count = value.element_count();
  for (const Value& run : value.runs()) count += elements_in(run);
  return count;
}

std::string shape_json(const Value& value, Form form) {
  if (form == Form::list) return json_array(std::vector<std::uint64_t>{value.item_count()});
  return json_array(std::vector<std::uint64_t>(value.shape().begin(), value.shape().end()));
}

}  // namespace

std::string attributes_text(const Attributes& attributes) {
  if (attributes.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : attributes) {
    if (text.size() > 1) text += ", ";
    text += fmt::format("{}: {}", printable(name), brief_text(value));
  }
  return text + "}";
}

std::string attributes_json(const Attributes& attributes) {
  JsonObject object;
  for (const auto& [name, value] : attributes) object.json(name, value_text(value, {.notation = Notation::json}));
  return object.str();
}

std::string value_json(const Value& value, bool all_values) {
  JsonObject object;
  const bool elided = value.form() == Form::elided;
  const Form form = elided ? value.elided_form() : value.form();
  switch (form) {
    case Form::scalar:
    case Form::array:
    case Form::null:
      object.text("type", type_text(value.type()));
      break;
    case Form::list:
      object.text("type", "list");
      break;
    case Form::objects:
      object.text("type", "objects");
      break;
    case Form::unstorable:
      return object.text("type", "unstorable")
          .text("python_type", value.python_type())
          .text("repr", value.repr())
          .str();
    case Form::elided:
      break;  // never what a value was
  }
  if (form == Form::array || form == Form::list || form == Form::objects) object.json("shape", shape_json(value, form));
  if (elided) return object.boolean("elided", true).number("bytes", value.elided_bytes()).str();
  if (all_values || (elements_in(value) <= short_elements && value.total_bytes() <= 4096))
    object.json("value", value_text(value, {.notation = Notation::json}));
  return object.str();
}

std::string salvage_text(const SalvageNote& note) {
  return fmt::format(
      "salvaged from {}, {}{}", printable(note.source),
      note.lost == 0 ? "no event lost" : fmt::format("{} event{} lost", note.lost, note.lost == 1 ? "" : "s"),
      note.made ? "; the run's description was lost, too" : "");
}

bool concerns_a_key(const EventBody& body) {
  return std::visit(Overloaded{[](const RunStarted&) { return false; }, [](const StageChanged&) { return false; },
                               [](const Checkpoint&) { return false; }, [](const Materialized&) { return false; },
                               [](const RunEnded&) { return false; }, [](const Part&) { return false; },
                               [](const Lost&) { return false; }, [](const Unknown&) { return false; },
                               [](const auto&) { return true; }},
                    body);
}

std::string event_text(const Event& event) {
  return std::visit(
      Overloaded{
          [](const RunStarted& b) { return fmt::format("rid {}, {}", b.info.rid, printable(b.info.class_name)); },
          [](const StageChanged& b) { return printable(b.stage); },
          [](const Set& b) { return set_text(b); },
          [](const Mutate& b) { return fmt::format("{} = {}", region_text(b.region), brief_text(b.value)); },
          [](const MutateItem& b) { return fmt::format("[{}] = {}", b.index, brief_text(b.value)); },
          [](const Replace& b) { return brief_text(b.value); },
          [](const Append& b) { return fmt::format("[{}] = {}", b.index, brief_text(b.value)); },
          [](const Remove&) { return std::string(); },
          [](const Archived& b) { return brief_text(b.value); },
          [](const SetAttribute& b) {
            return b.removed ? fmt::format("{} removed", printable(b.name))
                             : fmt::format("{} = {}", printable(b.name), brief_text(b.value));
          },
          [](const Checkpoint& b) { return printable(b.name); },
          [](const Materialized& b) {
            return fmt::format("{} up to event {}, layout {}", b.file.empty() ? "no file" : printable(b.file), b.up_to,
                               printable(b.layout));
          },
          [](const RunEnded& b) { return printable(b.how); },
          [](const Part& b) {
            return b.elided ? std::string("of a later event, payload elided")
                            : fmt::format("{} bytes of a later event", b.bytes.size());
          },
          [&](const Lost& b) {
            if (!event.key.empty()) return fmt::format("'{}': a part of its value is lost", printable(event.key));
            return b.up_to == event.sequence ? std::string() : fmt::format("up to event {}", b.up_to);
          },
          [](const Unknown& b) { return fmt::format("kind {}", b.kind); },
      },
      event.body);
}

std::string event_json(const Event& event, bool all_values) {
  JsonObject object;
  object.number("sequence", event.sequence)
      .text("time", utc_time(event.time))
      .number("monotonic", event.monotonic)
      .text("kind", kind_name(event.body));
  if (concerns_a_key(event.body)) object.text("key", event.key);
  const auto value = [&](const Value& v) { object.json("value", value_json(v, all_values)); };
  std::visit(
      Overloaded{
          [&](const RunStarted& b) {
            object.number("rid", b.info.rid).text("class", b.info.class_name).text("uuid", to_string(b.info.uuid));
            if (!b.info.pipeline.empty()) object.text("pipeline", b.info.pipeline).number("priority", b.info.priority);
            object.text("start", utc_time(to_nanoseconds(b.info.start_time))).text("expid", b.info.expid);
          },
          [&](const StageChanged& b) {
            object.text("stage", b.stage);
            if (b.run_time != 0) object.text("run_time", utc_time(to_nanoseconds(b.run_time)));
          },
          [&](const Set& b) {
            object.boolean("broadcast", b.broadcast).boolean("persist", b.persist).boolean("archive", b.archive);
            object.json("metadata", attributes_json(named(b.metadata)))
                .json("options", attributes_json(named(b.options)));
            value(b.value);
          },
          [&](const Mutate& b) {
            object.json("start", numbers_json(b.region.start)).json("count", numbers_json(b.region.count));
            object.json("step", numbers_json(b.region.step));
            value(b.value);
          },
          [&](const MutateItem& b) {
            object.number("index", b.index);
            value(b.value);
          },
          [&](const Replace& b) { value(b.value); },
          [&](const Append& b) {
            object.number("index", b.index);
            value(b.value);
          },
          [&](const Remove&) {},
          [&](const Archived& b) { value(b.value); },
          [&](const SetAttribute& b) {
            object.text("name", b.name);
            if (b.removed)
              object.boolean("removed", true);
            else
              value(b.value);
          },
          [&](const Checkpoint& b) { object.text("name", b.name); },
          [&](const Materialized& b) {
            object.text("file", b.file).text("layout", b.layout).text("digest", b.digest).number("up_to", b.up_to);
            if (!b.text.empty()) object.text("text", b.text);
          },
          [&](const RunEnded& b) { object.text("how", b.how); },
          [&](const Part& b) {
            object.number("bytes", b.bytes.size());
            if (b.elided) object.boolean("elided", true);
          },
          [&](const Lost& b) {
            if (!event.key.empty()) object.text("key", event.key);
            object.number("up_to", b.up_to);
          },
          [&](const Unknown& b) { object.number("number", b.kind); },
      },
      event.body);
  return object.str();
}

}  // namespace daybook
