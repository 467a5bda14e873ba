#include "tools/choice.h"

#include <CLI/CLI.hpp>

#include "daybook/journal/error.h"
#include "daybook/materializer/plugin.h"
#include "tools/moment.h"

namespace daybook {

void add_at_option(CLI::App& command, std::string& at) {
  command
      .add_option(
          "--at", at,
          "The run as of then. Digits: a sequence number. A date and time (2025-06-15T14:30:05.5, local unless Z or "
          "+02:00 follows) or @SECONDS since 1970: a time. Anything else: a checkpoint's name.")
      ->type_name("SEQ|TIME|CHECKPOINT")
      ->check([](const std::string& text) -> std::string {
        try {
          static_cast<void>(parse_at(text));
          return {};
        } catch (const InvalidError& e) {
          return e.what();
        }
      });
}

void PluginChoice::add_to(CLI::App& command) {
  command
      .add_option(
          "--plugin", plugins,
          "A shared library with further transforms (may be repeated). Its code is run: name only what you trust.")
      ->type_name("LIB.so")
      ->allow_extra_args(false);
}

TransformRegistry PluginChoice::registry() const {
  TransformRegistry registry = built_in_transforms();
  for (const std::string& plugin : plugins) load_plugin(plugin, registry);
  return registry;
}

void LayoutChoice::add_to(CLI::App& command) {
  command
      .add_option("--layout", layouts,
                  "How the file is laid out; else as ARTIQ does it. Repeated: one after the other.")
      ->type_name("FILE.toml")
      ->allow_extra_args(false);
  PluginChoice::add_to(command);
}

Layout LayoutChoice::layout() const {
  const TransformRegistry known = registry();
  Layout layout;
  for (const std::string& file : layouts) layout = compose(std::move(layout), load_layout(file, known));
  return layout;
}

void Choice::add_to(CLI::App& command) {
  add_at_option(command, at);
  command.add_option("--only", only, "Only datasets whose key matches (may be repeated; * also matches /).")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--exclude", exclude, "No datasets whose key matches (may be repeated).")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  LayoutChoice::add_to(command);
}

MaterializeOptions Choice::materialize_options() const {
  MaterializeOptions options;
  options.at = parse_at(at);
  options.only = only;
  options.exclude = exclude;
  options.layout = layout();
  return options;
}

}  // namespace daybook
