#include "tools/choice.h"

#include <CLI/CLI.hpp>

#include "daybook/journal/error.h"
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

void Choice::add_to(CLI::App& command) {
  add_at_option(command, at);
  command.add_option("--only", only, "Only datasets whose key matches (may be repeated; * also matches /).")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--exclude", exclude, "No datasets whose key matches (may be repeated).")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--layout", layout, "How the file is laid out; else as ARTIQ does it.")->type_name("FILE.toml");
}

MaterializeOptions Choice::materialize_options() const {
  MaterializeOptions options;
  options.at = parse_at(at);
  options.only = only;
  options.exclude = exclude;
  if (!layout.empty()) options.layout = load_layout(layout, built_in_transforms());
  return options;
}

}  // namespace daybook
