#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daybook/materializer/plan.h"

namespace daybook {

// Edits a plan; touches no file; may be applied to any number of plans.
using Transform = std::function<void(Plan&)>;

// Options of a transform as a layout file gives them.
using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using TransformOptions = std::map<std::string, OptionValue, std::less<>>;

class TransformRegistry {
 public:
  using Make = std::function<Transform(const TransformOptions&)>;  // checks its options here; an unknown one throws
  void add(std::string name, Make make);                           // InvalidError when the name is taken
  [[nodiscard]] Transform make(std::string_view name,
                               const TransformOptions& options) const;  // UnsupportedError lists names()
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, Make, std::less<>> makers_;
};

// The one readable list of what Daybook brings along.
TransformRegistry built_in_transforms();

// An ordered list of transforms. The empty one is the default: what ARTIQ writes.
struct Layout {
  std::string name = "artiq";
  std::string text;                                           // the layout file it came from
  std::vector<std::pair<std::string, Transform>> transforms;  // name, for messages
};

// Reads a layout file (TOML). InvalidError names file, line and, for a misspelt name, the nearest known one.
Layout load_layout(const std::filesystem::path& file, const TransformRegistry& registry);

}  // namespace daybook
