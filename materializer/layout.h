#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daybook/materializer/transform.h"

namespace daybook {

// A transform of a layout, and what it was made of: for messages.
struct LayoutStep {
  std::string name;
  TransformOptions options;
  Transform transform;
};

// An ordered list of transforms. The empty one is the default: what ARTIQ writes.
struct Layout {
  std::string name = "artiq";
  std::string text;  // what it came from: layout files with what they include, one after the other
  std::vector<LayoutStep> steps;

  // Of name, text, and the transforms with their options: 32 hexadecimal digits, empty for the default layout.
  [[nodiscard]] std::string digest() const;
};

// `then` after `first`: names joined by "+", texts one below the other.
Layout compose(Layout first, Layout then);

// Reads a layout file (TOML) and those it includes. InvalidError names file, line and, for a misspelt name, the nearest
// known one.
Layout load_layout(const std::filesystem::path& file, const TransformRegistry& registry);

}  // namespace daybook
