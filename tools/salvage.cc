#include "daybook/journal/salvage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/commands.h"
#include "tools/json_object.h"
#include "tools/progress.h"

namespace daybook {
namespace {

constexpr int exit_nothing = 1, exit_some_lost = 3;
constexpr std::size_t most_lines = 20;

struct Options {
  std::string damaged, journal, uuid;
  bool json = false;
};

Uuid parse_uuid(const std::string& text) {
  Uuid uuid{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 || digits == 2 * uuid.size()) throw InvalidError(fmt::format("--uuid: '{}' is none", text));
    uuid[digits / 2] = static_cast<std::uint8_t>(uuid[digits / 2] << 4 | digit);
    ++digits;
  }
  if (digits != 2 * uuid.size()) throw InvalidError(fmt::format("--uuid: '{}' is none", text));
  return uuid;
}

const char* what_name(LostOfKey::What what) {
  switch (what) {
    case LostOfKey::What::dataset:
      return "dataset";
    case LostOfKey::What::archived:
      return "archived";
    case LostOfKey::What::attribute:
      return "attribute";
    case LostOfKey::What::stages:
      break;
  }
  return "stages";
}

std::string name_of(const LostOfKey& key) {
  switch (key.what) {
    case LostOfKey::What::dataset:
      return fmt::format("dataset '{}'", printable(key.key));
    case LostOfKey::What::archived:
      return fmt::format("archived value '{}'", printable(key.key));
    case LostOfKey::What::attribute:
      if (key.newest == 0) return "an attribute whose name is lost";
      return fmt::format("attribute '{}' of '{}'", printable(key.attribute), printable(key.key));
    case LostOfKey::What::stages:
      break;
  }
  return "the run's stages";
}

std::string range_text(const SequenceRange& range) {
  return range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{} to {}", range.first, range.last);
}

std::string numbers_text(const std::vector<Sequence>& numbers) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < numbers.size() && texts.size() < 10;) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    texts.push_back(range_text({numbers[i], numbers[end - 1]}));
    i = end;
  }
  if (!numbers.empty() && texts.size() == 10) texts.emplace_back("…");
  return fmt::format("event{} {}", numbers.size() == 1 ? "" : "s", fmt::join(texts, ", "));
}

std::string key_text(const LostOfKey& key) {
  std::vector<std::string> texts;
  if (!key.lost.empty()) texts.push_back(numbers_text(key.lost) + " lost");
  if (key.shown == 0)
    texts.emplace_back("no value can be told");
  else if (key.idle != 0 || (!key.lost.empty() && key.lost.back() > key.shown))
    texts.push_back(fmt::format("shown as of event {}", key.shown));
  else if (!key.lost.empty() && !key.metadata_lost)
    texts.emplace_back("its newest value is whole");
  if (key.idle != 0)
    texts.push_back(fmt::format("{} later change{} cannot be applied", key.idle, key.idle == 1 ? "" : "s"));
  if (key.metadata_lost) texts.emplace_back("its metadata are lost");
  if (key.uncertain) texts.push_back(fmt::format("may have changed after event {}", key.newest));
  return fmt::format("{}: {}", name_of(key), fmt::join(texts, ", "));
}

void print_json(const Options& options, const Salvage& found) {
  std::vector<std::string> ranges, keys, others;
  for (const auto& range : found.ranges) ranges.push_back(json_array(std::vector<Sequence>{range.first, range.last}));
  for (const auto& key : found.keys) {
    JsonObject object;
    object.text("what", what_name(key.what)).text("key", key.key);
    if (key.what == LostOfKey::What::attribute) object.text("attribute", key.attribute);
    object.json("lost", json_array(key.lost)).number("newest", key.newest).number("shown", key.shown);
    object.number("not_applied", key.idle).boolean("metadata_lost", key.metadata_lost);
    keys.push_back(object.boolean("uncertain", key.uncertain).str());
  }
  for (const auto& run : found.others)
    others.push_back(JsonObject().text("uuid", to_string(run.uuid)).number("records", run.records).str());
  JsonObject object;
  object.text("source", options.damaged).text("journal", found.events == 0 ? "" : options.journal);
  object.text("uuid", to_string(found.info.uuid)).number("rid", found.info.rid).text("class", found.info.class_name);
  object.boolean("description_lost", found.info_made)
      .text("state", found.phase == Phase::finished ? "finished" : "crashed");
  object.number("events", found.events).number("last", found.last).number("lost", found.lost);
  object.json("lost_ranges", json_array(ranges)).json("keys", json_array(keys)).json("other_runs", json_array(others));
  fmt::print("{}\n", object.number("unreadable_bytes", found.unreadable).str());
}

void print_lines(const Options& options, const Salvage& found) {
  if (!found.ranges.empty()) {
    std::vector<std::string> ranges;
    for (const auto& range : found.ranges) ranges.push_back(range_text(range));
    fmt::print("lost events: {}\n", fmt::join(ranges, ", "));
  }
  // What is known to be wrong before what may be.
  auto keys = found.keys;
  std::stable_partition(keys.begin(), keys.end(),
                        [](const LostOfKey& key) { return !key.lost.empty() || key.idle != 0; });
  for (std::size_t i = 0; i < std::min(keys.size(), most_lines); ++i) fmt::print("{}\n", key_text(keys[i]));
  if (keys.size() > most_lines) fmt::print("… and {} more: --json lists all\n", keys.size() - most_lines);
  std::fflush(stdout);
  for (const auto& run : found.others)
    fmt::print(stderr, "{}: also holds {} events of the run {}: --uuid salvages that one\n", options.damaged,
               run.records, to_string(run.uuid));
  if (found.unreadable != 0)
    fmt::print(stderr, "{}: {} bytes could not be read from the disk\n", options.damaged, found.unreadable);
  if (found.info_made)
    fmt::print(stderr, "{}: the run's description is lost; number, class and start are guessed\n", options.journal);
  const std::string run = found.info.class_name.empty()
                              ? "a run without a name"
                              : fmt::format("run {} {}", found.info.rid, printable(found.info.class_name));
  fmt::print(
      stderr, "{}: {}, {} of {} events came back{}\n", options.journal, run, found.events, found.last,
      found.lost == 0 ? ": nothing is lost" : fmt::format(", {} {} lost", found.lost, found.lost == 1 ? "is" : "are"));
}

int salvage_run(const Options& options) {
  SalvageOptions how;
  if (!options.uuid.empty()) how.uuid = parse_uuid(options.uuid);
  Salvage found;
  {
    Progress progress("salvaging");
    how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
    found = salvage(options.damaged, options.journal, how);
  }
  if (options.json) print_json(options, found);
  if (found.events == 0) {
    fmt::print(stderr, "daybook: {}: not one intact event is in it: no journal was made\n", printable(options.damaged));
    return exit_nothing;
  }
  if (!options.json) print_lines(options, found);
  return found.lost == 0 ? 0 : exit_some_lost;
}

}  // namespace

void add_salvage(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("salvage", "Rebuild a journal from what is left of a damaged one.");
  command
      .add_option("DAMAGED", options->damaged,
                  "The damaged journal's folder, or any file with bytes of it: a data.mdb, an intake, a disk image.")
      ->required();
  command.add_option("-o,--output", options->journal, "The journal to make; must not exist.")
      ->required()
      ->type_name("NEW.daybook");
  command.add_option("--uuid", options->uuid,
                     "The run to salvage where there are several; else that with most events.");
  command.add_flag("--json", options->json, "Print what came back and what is lost as a JSON object.");
  command.footer(
      "DAMAGED is only read. Every event whose checksum is right comes back as it was, under its number. A dataset of\n"
      "which an event is lost has the newest value that can be proven; which are concerned is printed, a line each.\n"
      "Exit code: 0 nothing is lost, 3 something is, 1 nothing came back.\n"
      "\n"
      "Examples:\n"
      "  daybook salvage 000000108-RabiScan.daybook -o saved.daybook\n"
      "  daybook replay saved.daybook -o 000000108-RabiScan.h5");
  command.callback([options, &chosen] { chosen = [options] { return salvage_run(*options); }; });
}

}  // namespace daybook
