#include "daybook/materializer/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

using detail::quote_name;

// Throws InvalidError "FILE:LINE: REASON".
class LayoutFile {
 public:
  explicit LayoutFile(const std::filesystem::path& path) : path_(path.string()) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw_errno(fmt::format("open layout {}", path_), errno);
    text_.assign(std::istreambuf_iterator<char>(in), {});
    if (in.bad()) throw StorageError(fmt::format("read layout {}: it cannot be read", path_));
    try {
      table_ = toml::parse(text_, path_);
    } catch (const toml::parse_error& e) {
      fail(e.source(), std::string(e.description()));
    }
  }

  Layout read(const TransformRegistry& registry) const {
    Layout layout{.name = std::filesystem::path(path_).stem().string(), .text = text_, .steps = {}};
    for (const auto& [key, node] : table_) {
      if (key == "name") {
        const auto* name = node.as_string();
        if (name == nullptr || name->get().empty()) fail(node.source(), "name must be a string that is not empty");
        layout.name = name->get();
      } else if (key == "transform") {
        read_transforms(node, registry, layout);
      } else {
        fail(key.source(),
             fmt::format("unknown key {}{}", quote_name(key.str()), did_you_mean(key.str(), {"name", "transform"})));
      }
    }
    return layout;
  }

 private:
  [[noreturn]] void fail(const toml::source_region& where, const std::string& why) const {
    throw InvalidError(fmt::format("{}:{}: {}", path_, std::max<toml::source_index>(where.begin.line, 1), why));
  }

  void read_transforms(const toml::node& node, const TransformRegistry& registry, Layout& layout) const {
    const toml::array* list = node.as_array();
    if (list == nullptr) fail(node.source(), "transform must be a list of tables: write [[transform]]");
    for (const toml::node& entry : *list) {
      const toml::table* table = entry.as_table();
      if (table == nullptr) fail(entry.source(), "transform must be a list of tables: write [[transform]]");
      layout.steps.push_back(read_transform(*table, registry));
    }
  }

  LayoutStep read_transform(const toml::table& table, const TransformRegistry& registry) const {
    const toml::node* use = table.get("use");
    if (use == nullptr)
      fail(table.source(), "a transform without \"use\": name the transform, such as use = \"compress\"");
    if (!use->is_string()) fail(use->source(), "use must be a string, the name of a transform");
    const std::string name = use->as_string()->get();
    const std::vector<std::string> known = registry.names();
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(use->source(), fmt::format("unknown transform {}{}", quote_name(name), did_you_mean(name, known)));

    TransformOptions options;
    for (const auto& [key, node] : table)
      if (key != "use") options.emplace(key.str(), option(key.str(), node));
    try {
      return {name, options, registry.make(name, options)};
    } catch (const OptionError& e) {
      const toml::node* node = table.get(e.option);
      fail(node != nullptr ? node->source() : table.source(), e.what());
    } catch (const InvalidError& e) {
      fail(table.source(), e.what());
    }
  }

  OptionValue option(std::string_view name, const toml::node& node) const {
    if (const auto* value = node.as_boolean()) return value->get();
    if (const auto* value = node.as_integer()) return std::int64_t{value->get()};
    if (const auto* value = node.as_floating_point()) return value->get();
    if (const auto* value = node.as_string()) return value->get();
    if (const toml::array* list = node.as_array()) {
      OptionList items;
      for (const toml::node& item : *list) items.push_back(option(name, item));
      return items;
    }
    if (const toml::table* table = node.as_table()) {
      OptionTable items;
      for (const auto& [key, item] : *table) items.emplace(key.str(), option(name, item));
      return items;
    }
    fail(node.source(), fmt::format("option {} must not be a date or a time: write it as a string", quote_name(name)));
  }

  std::string path_, text_;
  toml::table table_;
};

}  // namespace

std::string Layout::digest() const {
  if (steps.empty() && text.empty()) return {};
  std::string all = name + '\0' + text;
  for (const LayoutStep& step : steps) all += '\0' + step.name + '\0' + to_text(OptionValue(step.options));
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Layout compose(Layout first, Layout then) {
  if (first.steps.empty() && first.text.empty()) return then;
  first.name += "+" + then.name;
  first.text += (first.text.empty() || first.text.ends_with('\n') ? "" : "\n") + then.text;
  first.steps.insert(first.steps.end(), std::make_move_iterator(then.steps.begin()),
                     std::make_move_iterator(then.steps.end()));
  return first;
}

Layout load_layout(const std::filesystem::path& file, const TransformRegistry& registry) {
  return LayoutFile(file).read(registry);
}

}  // namespace daybook
