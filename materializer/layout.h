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
  std::string where = {};  // where it was said: "lab.toml:12"; empty if in no file
};

// An ordered list of transforms. The empty one is the default: what ARTIQ writes.
struct Layout {
  std::string name = "artiq";
  // What it came from: layout files in the order in which they apply, each under a comment line with its name; or the
  // options as such a file would say them. Holds no folder, so that it does not depend on where the files are.
  std::string text;
  std::vector<LayoutStep> steps;

  // Of name, text, and the transforms with their options: 32 hexadecimal digits, empty for the default layout.
  [[nodiscard]] std::string digest() const;
};

// "transform 3 (compress, lab.toml:12)", counting from 1: what messages call a step.
std::string describe_step(const Layout& layout, std::size_t index);

// `then` after `first`: names joined by "+", texts one below the other.
Layout compose(Layout first, Layout then);

// Reads a layout file (TOML) and those it includes: each file once, before the transforms of the one that names it first.
// InvalidError names file, line and, for a misspelt name, the nearest known one; StorageError if `file` cannot be read.
Layout load_layout(const std::filesystem::path& file, const TransformRegistry& registry);

// The same from a text that stands alone, such as a journal's own layout; `source` names it in messages, in place of the
// file. Without a `name` it is called "run". InvalidError also if it includes a file.
Layout parse_layout(const std::string& text, const TransformRegistry& registry, const std::string& source);

// The layout as one text for parse_layout(), whatever files it came from: the same name, transforms and options.
std::string self_contained_text(const Layout& layout);

// The same from tables, such as Python's dictionaries: each has "use" and the transform's options. InvalidError names
// the transform by its number.
Layout layout_from_options(const OptionList& transforms, const TransformRegistry& registry, std::string name);

}  // namespace daybook
