#include "daybook/materializer/layout.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/json_object.h"
#include "tools/layout_explain.h"

namespace daybook {
namespace {

constexpr std::size_t widest = 40;

struct ListOptions {
  PluginChoice choice;
  std::string name;
  bool json = false;
};
struct CheckOptions {
  PluginChoice choice;
  std::vector<std::string> files;
};
struct ExplainOptions {
  Choice choice;
  std::string journal;
  bool json = false;
};

const char* type_name(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true/false";
    case OptionType::integer:
      return "integer";
    case OptionType::number:
      return "number";
    case OptionType::text:
      return "string";
    case OptionType::choice:
      return "choice";
    case OptionType::texts:
      return "list of strings";
    case OptionType::integers:
      return "list of integers";
    case OptionType::table:
      return "table";
    case OptionType::any:
      return "value";
  }
  return "";
}

bool has_least(const OptionInfo& option) { return option.least != std::numeric_limits<std::int64_t>::min(); }
bool has_most(const OptionInfo& option) { return option.most != std::numeric_limits<std::int64_t>::max(); }

// "integer 0 … 9", "datasets|archive|error"
std::string wanted(const OptionInfo& option) {
  if (option.type == OptionType::choice) return fmt::format("{}", fmt::join(option.choices, "|"));
  std::string text = type_name(option.type);
  if (has_least(option) && has_most(option))
    text += fmt::format(" {}..{}", option.least, option.most);
  else if (has_least(option))
    text += fmt::format(" {}..", option.least);
  else if (has_most(option))
    text += fmt::format(" ..{}", option.most);
  return text;
}

std::string default_text(const OptionInfo& option) {
  if (option.required) return "required";
  return option.otherwise ? to_text(*option.otherwise) : "-";
}

std::string option_json(const OptionInfo& option) {
  JsonObject object;
  object.text("name", option.name).text("type", type_name(option.type)).boolean("required", option.required);
  if (option.otherwise) object.text("default", to_text(*option.otherwise));
  if (has_least(option)) object.number("least", option.least);
  if (has_most(option)) object.number("most", option.most);
  if (!option.choices.empty()) {
    std::vector<std::string> choices;
    for (const std::string& choice : option.choices) append_json_string(choices.emplace_back(), choice);
    object.json("choices", json_array(choices));
  }
  return object.text("help", option.help).str();
}

std::string info_json(const TransformInfo& info) {
  std::vector<std::string> options;
  for (const OptionInfo& option : info.options) options.push_back(option_json(option));
  return JsonObject()
      .text("name", info.name)
      .text("summary", info.summary)
      .boolean("selects", info.selects)
      .boolean("omits", info.omits)
      .json("options", json_array(options))
      .str();
}

void print_options(const std::vector<OptionInfo>& options) {
  const auto width = [&](const auto& text) {
    std::size_t most = 0;
    for (const OptionInfo& option : options) most = std::max(most, text(option).size());
    return std::min(most, widest);
  };
  const auto name = [](const OptionInfo& option) { return option.name; };
  const std::size_t names = width(name), types = width(wanted), defaults = width(default_text);
  for (const OptionInfo& option : options)
    fmt::print("  {:<{}}  {:<{}}  {:<{}}  {}\n", printable(option.name), names, printable(wanted(option)), types,
               printable(default_text(option)), defaults, printable(option.help));
}

void print_transform(const TransformInfo& info) {
  fmt::print("{}: {}\n", info.name, printable(info.summary));
  // The options that say for which datasets it is are the same everywhere, unless it has a default of its own for one.
  std::vector<OptionInfo> own, selection;
  for (const OptionInfo& option : info.options) {
    const auto& known = selection_options();
    const bool usual = info.selects && std::any_of(known.begin(), known.end(), [&](const OptionInfo& other) {
                         return other.name == option.name && other.help == option.help;
                       });
    (usual ? selection : own).push_back(option);
  }
  if (!own.empty()) {
    fmt::print("\noptions: type, default\n");
    print_options(own);
  }
  if (!selection.empty()) {
    fmt::print("\nfor which datasets: all conditions that are given have to hold\n");
    print_options(selection);
  }
  if (info.omits) fmt::print("\nIt may leave datasets out of the file.\n");
}

int list(const ListOptions& options) {
  const TransformRegistry registry = options.choice.registry();
  if (!options.name.empty()) {
    const TransformInfo& info = registry.info(options.name);
    if (options.json)
      fmt::print("{}\n", info_json(info));
    else
      print_transform(info);
    return 0;
  }
  std::size_t width = 0;
  for (const std::string& name : registry.names()) width = std::max(width, name.size());
  for (const std::string& name : registry.names()) {
    const TransformInfo& info = registry.info(name);
    if (options.json)
      fmt::print("{}\n", info_json(info));
    else
      fmt::print("{:<{}}  {}\n", name, width, printable(info.summary));
  }
  return 0;
}

int check(const CheckOptions& options) {
  const TransformRegistry registry = options.choice.registry();
  bool all_well = true;
  for (const std::string& file : options.files) {
    try {
      const Layout layout = load_layout(file, registry);
      fmt::print("{}: OK: layout {}, {} {}\n", printable(file), printable(layout.name), layout.steps.size(),
                 layout.steps.size() == 1 ? "transform" : "transforms");
    } catch (const Error& e) {
      fmt::print("{}\n", printable(e.what()));
      all_well = false;
    }
  }
  return all_well ? 0 : 1;
}

void add_list(CLI::App& layout, Command& chosen) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App& command = *layout.add_subcommand("list", "Which transforms there are, or the options of one.");
  command.add_option("NAME", options->name, "One transform: show its options.");
  options->choice.add_to(command);
  command.add_flag("--json", options->json, "Print a JSON object a transform.");
  command.footer(
      "Examples:\n"
      "  daybook layout list\n"
      "  daybook layout list compress\n"
      "  daybook layout list --plugin ./libmine.so");
  command.callback([options, &chosen] { chosen = [options] { return list(*options); }; });
}

void add_check(CLI::App& layout, Command& chosen) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App& command = *layout.add_subcommand("check", "Read layout files, and say what is wrong with them.");
  command.add_option("FILE.toml", options->files, "Layout files.")->required();
  options->choice.add_to(command);
  command.footer(
      "A line a file: \"FILE: OK\", or \"FILE:LINE: what is wrong\"; then the exit code is 1. Whether it fits a run "
      "says\n"
      "daybook layout explain.\n"
      "\n"
      "Example:\n"
      "  daybook layout check lab.toml");
  command.callback([options, &chosen] { chosen = [options] { return check(*options); }; });
}

void add_explain(CLI::App& layout, Command& chosen) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App& command = *layout.add_subcommand("explain", "Show the file that would be made of a run, and make none.");
  command.add_option("RUN.daybook", options->journal, "The run's journal; it may still be written.")->required();
  options->choice.add_to(command);
  command.add_flag("--json", options->json, "Print a JSON object.");
  command.footer(
      "One line an object: name, form, type, shape, how it is stored, size of its elements, and in brackets the "
      "dataset "
      "it\n"
      "is if its place does not say so, and the transforms that made or changed it. @ is an attribute, . a table's "
      "field.\n"
      "\n"
      "Examples:\n"
      "  daybook layout explain 000000108-RabiScan.daybook --layout lab.toml\n"
      "  daybook layout explain 000000108-RabiScan.daybook --layout lab.toml --json | jq '.plan.nodes[].path'");
  command.callback([options, &chosen] {
    chosen = [options] { return explain_layout(options->journal, options->choice, options->json); };
  });
}

}  // namespace

void add_layout(CLI::App& program, Command& chosen) {
  CLI::App& command = *program.add_subcommand("layout", "What layouts can do, and what one makes of a run.");
  command.require_subcommand(1);
  command.footer(
      "A layout file (TOML) is a list of transforms, which are applied in order:\n"
      "  include = [\"base.toml\"]     first what that file says\n"
      "  [[transform]]\n"
      "  use = \"compress\"\n"
      "  level = 6\n"
      "\n"
      "Examples:\n"
      "  daybook layout list\n"
      "  daybook layout check lab.toml\n"
      "  daybook layout explain 000000108-RabiScan.daybook --layout lab.toml");
  add_list(command, chosen);
  add_explain(command, chosen);
  add_check(command, chosen);
}

}  // namespace daybook
