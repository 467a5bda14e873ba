#pragma once

#include <string>
#include <vector>

#include "daybook/materializer/materialize.h"

namespace CLI {
class App;
}

namespace daybook {

// --plugin: what layouts may be made of. The transforms that Daybook brings along, and those of the plug-ins that are
// named.
struct PluginChoice {
  std::vector<std::string> plugins;

  void add_to(CLI::App& command);  // must outlive `command`
  // Loads the plug-ins. Errors as load_plugin().
  [[nodiscard]] TransformRegistry registry() const;
};

// --layout and --plugin.
struct LayoutChoice : PluginChoice {
  std::vector<std::string> layouts;

  void add_to(CLI::App& command);  // must outlive `command`
  // All of them, composed in order. Errors as load_layout() and load_plugin().
  [[nodiscard]] Layout layout() const;
};

// The options with which commands say which file of a run is meant.
struct Choice : LayoutChoice {
  std::string at;
  std::vector<std::string> only, exclude;

  void add_to(CLI::App& command);  // must outlive `command`
  // Reads the layout files. InvalidError as layout() and parse_at().
  [[nodiscard]] MaterializeOptions materialize_options() const;
};

// --at alone, for commands that show a run as of a moment. `at` must outlive `command`.
void add_at_option(CLI::App& command, std::string& at);

}  // namespace daybook
