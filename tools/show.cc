#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/replay.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/event_text.h"
#include "tools/json_object.h"
#include "tools/moment.h"
#include "tools/print.h"
#include "tools/signals.h"

namespace daybook {
namespace {

constexpr std::uint64_t abbreviate_above = 1000;  // as NumPy does
constexpr std::size_t line_width = 100;
constexpr std::size_t nearest_keys = 3;

struct Options {
  std::string journal, at;
  std::optional<std::string> key;
  bool json = false;
};

const char* group_name(Group group) { return group == Group::datasets ? "datasets" : "archive"; }

// What the file gets of a dataset. `refusal`: why it gets nothing.
struct Described {
  std::string type, shape, shape_json = "[]", refusal;
};

std::string extents_text(const Shape& shape) {
  return fmt::format("({}{})", fmt::join(shape.begin(), shape.end(), ", "), shape.size() == 1 ? "," : "");
}

Described describe_state(const Reader& reader, const DatasetState& state) {
  Described described;
  try {
    const StoredValue stored = replay(reader, state);
    described.type = type_text(stored.type);
    if (stored.form == Form::array) {
      described.shape = extents_text(stored.shape);
      described.shape_json = json_array(std::vector<std::uint64_t>(stored.shape.begin(), stored.shape.end()));
    }
    if (stored.form == Form::null) described.type += " (null)";
  } catch (const InvalidError& e) {
    described.type = "-";
    described.refusal = e.what();
  }
  return described;
}

std::string state_json(const Reader& reader, const DatasetState& state, Sequence as_of, const Described& described) {
  JsonObject object;
  object.text("group", group_name(state.group)).text("key", state.key).boolean("saved", state.saved);
  object.text("type", described.type).json("shape", described.shape_json);
  object.number("sequence", state.head).text("changed", utc_time(state.changed));
  object.json("attributes", attributes_json(dataset_attributes(reader, state, as_of)));
  if (!described.refusal.empty()) object.text("refused", described.refusal);
  return object.str();
}

struct Row {
  std::string name, type, shape, note;
  Sequence head;
  Nanoseconds changed;
};

Row describe_row(const Reader& reader, const DatasetState& state, Sequence as_of) {
  const Described described = describe_state(reader, state);
  std::vector<std::string> notes;
  if (!state.saved) notes.emplace_back("not for the file");
  if (!described.refusal.empty()) notes.push_back("cannot be in a file: " + printable(described.refusal));
  if (const auto attributes = dataset_attributes(reader, state, as_of); !attributes.empty())
    notes.push_back(attributes_text(attributes));
  return {fmt::format("{}/{}", group_name(state.group), printable(state.key)),
          described.type,
          described.shape,
          fmt::format("{}", fmt::join(notes, ", ")),
          state.head,
          state.changed};
}

void print_rows(const std::vector<Row>& rows) {
  const auto width = [&](std::string Row::*column) {
    std::size_t widest = 0;
    for (const Row& row : rows) widest = std::max(widest, (row.*column).size());
    return std::min<std::size_t>(widest, 48);  // one long key must not push all others out of sight
  };
  const std::size_t names = width(&Row::name), types = width(&Row::type), shapes = width(&Row::shape);
  for (const Row& row : rows) {
    fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>8}  {}{}{}\n", row.name, names, row.type, types, row.shape, shapes, row.head,
               local_time(row.changed), row.note.empty() ? "" : "  ", row.note);
  }
}

int show_all(const Reader& reader, Sequence as_of, const Options& options) {
  const auto states = reader.states(as_of);
  const RunInfo& info = reader.info();
  if (options.json) {
    std::vector<std::string> datasets;
    for (const DatasetState& state : states)
      datasets.push_back(state_json(reader, state, as_of, describe_state(reader, state)));
    JsonObject object;
    object.number("rid", info.rid)
        .text("class", info.class_name)
        .text("start", utc_time(to_nanoseconds(info.start_time)));
    object.number("sequence", as_of);
    if (reader.salvaged())
      object.text("salvaged_from", reader.salvaged()->source).number("lost", reader.salvaged()->lost);
    fmt::print("{}\n", object.json("datasets", json_array(datasets)).str());
    return 0;
  }
  std::vector<Row> rows;
  for (const DatasetState& state : states) rows.push_back(describe_row(reader, state, as_of));
  fmt::print(stderr, "run {} {}, started {}, as of event {} of {}\n", info.rid, printable(info.class_name),
             local_time(to_nanoseconds(info.start_time), 0), as_of, reader.last());
  print_rows(rows);
  return 0;
}

// Levenshtein's.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string nearest(const Reader& reader, std::string_view key, Sequence as_of) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const DatasetState& state : reader.states(as_of)) {
    // A part of a key is as good as a slip of the finger.
    const std::size_t distance =
        key.size() > 2 && state.key.find(key) != std::string::npos ? 1 : edit_distance(key, state.key);
    if (distance <= std::max<std::size_t>(2, key.size() / 2))
      ranked.emplace_back(distance, "'" + printable(state.key) + "'");
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.erase(std::unique(ranked.begin(), ranked.end()), ranked.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(nearest_keys, ranked.size()); ++i) names.push_back(ranked[i].second);
  return names.empty() ? "" : fmt::format(": did you mean {}?", fmt::join(names, ", "));
}

void print_to_stdout(std::string_view piece) { std::fwrite(piece.data(), 1, piece.size(), stdout); }

void show_state(const Reader& reader, const DatasetState& state, Sequence as_of, bool json) {
  const Value value = replay_value(reader, state);
  const auto attributes = dataset_attributes(reader, state, as_of);
  if (json) {
    const std::string head = JsonObject()
                                 .text("group", group_name(state.group))
                                 .text("key", state.key)
                                 .boolean("saved", state.saved)
                                 .number("sequence", state.head)
                                 .text("changed", utc_time(state.changed))
                                 .json("attributes", attributes_json(attributes))
                                 .str();
    print_to_stdout(std::string_view(head).substr(0, head.size() - 1));
    if (value.form() == Form::unstorable) {
      fmt::print(", \"data\": {}}}\n", value_json(value, false));
      return;
    }
    // The value is written piece by piece: it may be longer than memory has room for its text.
    const std::string type = value.form() == Form::list      ? "list"
                             : value.form() == Form::objects ? "objects"
                                                             : type_text(value.type());
    std::string form;
    append_json_string(form, type);
    fmt::print(", \"type\": {}, \"value\": ", form);
    print_value(value, {.notation = Notation::json}, print_to_stdout);
    fmt::print("}}\n");
    return;
  }
  std::string note = fmt::format("{}/{}: {}, last changed by event {} at {}", group_name(state.group),
                                 printable(state.key), describe(value), state.head, local_time(state.changed));
  if (!state.saved) note += ", not for the file";
  if (!attributes.empty()) note += ", " + attributes_text(attributes);
  fmt::print(stderr, "{}\n", note);
  PrintOptions print{.width = line_width};
  if (isatty(STDOUT_FILENO) == 1) print.abbreviate_above = abbreviate_above;
  print_value(value, print, print_to_stdout);
  fmt::print("\n");
  std::fflush(stdout);
}

int show_one(const Reader& reader, Sequence as_of, const Options& options) {
  bool found = false;
  for (const Group group : {Group::datasets, Group::archive}) {
    const auto state = reader.find_state(group, *options.key, as_of);
    if (!state) continue;
    show_state(reader, *state, as_of, options.json);
    found = true;
  }
  if (!found)
    throw InvalidError(fmt::format("{}: there is no dataset '{}' as of event {}{}", options.journal, *options.key,
                                   as_of, nearest(reader, *options.key, as_of)));
  return 0;
}

int show(const Options& options) {
  now_reading(options.journal);
  const Reader reader(options.journal);
  const Sequence as_of = reader.resolve(parse_at(options.at));
  const int code = options.key ? show_one(reader, as_of, options) : show_all(reader, as_of, options);
  if (reader.salvaged()) fmt::print(stderr, "{}: {}\n", options.journal, salvage_text(*reader.salvaged()));
  if (reader.unrecovered())
    fmt::print(stderr, "{}: the journal could not be recovered here (read-only?): the newest events may be missing\n",
               options.journal);
  return code;
}

}  // namespace

void add_show(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("show", "Show what a run's datasets are, or the value of one.");
  command.add_option("RUN.daybook", options->journal, "The run's journal; it may still be written.")->required();
  command.add_option("KEY", options->key, "One dataset: show its value, and what was archived under this key.");
  add_at_option(command, options->at);
  command.add_flag("--json", options->json, "Print JSON: one object for the run, or one a value, in full.");
  command.footer(
      "Without KEY one line a dataset: group/key, type and shape that it has in a file, last event, when, notes. A "
      "long value is\n"
      "abbreviated on a terminal only. In JSON, NaN and infinities are the strings \"NaN\", \"Infinity\" and "
      "\"-Infinity\",\n"
      "complex numbers [re, im], and bytes that are no text {\"base64\": …}. A KEY that starts with '-' comes behind "
      "'--'.\n"
      "\n"
      "Examples:\n"
      "  daybook show 000000108-RabiScan.daybook\n"
      "  daybook show 000000108-RabiScan.daybook rabi.pi_time\n"
      "  daybook show 000000108-RabiScan.daybook rabi.counts --at 120\n"
      "  daybook show 000000108-RabiScan.daybook rabi.p --json | jq .value");
  command.callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace daybook
