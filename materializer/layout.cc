#include "daybook/materializer/layout.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <iterator>

#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

LayoutStep step_from_table(const OptionValue& entry, const TransformRegistry& registry) {
  const auto* table = std::get_if<OptionTable>(&entry);
  if (table == nullptr) throw InvalidError("must be a table with \"use\" and options");
  const auto use = table->find("use");
  if (use == table->end()) throw InvalidError("has no \"use\": name the transform, such as use = \"compress\"");
  const auto* name = std::get_if<std::string>(&use->second);
  if (name == nullptr) throw InvalidError("use must be a string, the name of a transform");
  TransformOptions options = *table;
  options.erase("use");
  Transform transform = registry.make(*name, options);
  return {*name, std::move(options), std::move(transform)};
}

// As a layout file says it. Bare keys where TOML allows them.
std::string step_text(const LayoutStep& step) {
  std::string text = fmt::format("[[transform]]\nuse = {}\n", to_text(OptionValue(step.name)));
  for (const auto& [name, value] : step.options) {
    const bool bare = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                          std::string::npos &&
                      !name.empty();
    text += fmt::format("{} = {}\n", bare ? name : to_text(OptionValue(name)), to_text(value));
  }
  return text;
}

// For a message about entry `index` of a list.
std::string entry_name(const OptionList& transforms, std::size_t index) {
  const auto* table = std::get_if<OptionTable>(&transforms[index]);
  if (table != nullptr)
    if (const auto use = table->find("use"); use != table->end())
      if (const auto* name = std::get_if<std::string>(&use->second))
        return fmt::format("transform {} ({})", index + 1, *name);
  return fmt::format("transform {}", index + 1);
}

}  // namespace

std::string Layout::digest() const {
  if (steps.empty() && text.empty()) return {};
  std::string all = name + '\0' + text;
  for (const LayoutStep& step : steps) all += '\0' + step.name + '\0' + to_text(OptionValue(step.options));
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string describe_step(const Layout& layout, std::size_t index) {
  const LayoutStep& step = layout.steps[index];
  return fmt::format("transform {} ({}{}{})", index + 1, step.name, step.where.empty() ? "" : ", ", step.where);
}

Layout compose(Layout first, Layout then) {
  if (first.steps.empty() && first.text.empty()) return then;
  first.name += "+" + then.name;
  first.text += (first.text.empty() || first.text.ends_with('\n') ? "" : "\n") + then.text;
  first.steps.insert(first.steps.end(), std::make_move_iterator(then.steps.begin()),
                     std::make_move_iterator(then.steps.end()));
  return first;
}

std::string self_contained_text(const Layout& layout) {
  std::string text = fmt::format("name = {}\n", to_text(OptionValue(layout.name)));
  for (const LayoutStep& step : layout.steps) text += "\n" + step_text(step);
  return text;
}

Layout layout_from_options(const OptionList& transforms, const TransformRegistry& registry, std::string name) {
  if (name.empty()) throw InvalidError("a layout's name must not be empty");
  Layout layout{.name = std::move(name), .text = {}, .steps = {}};
  for (std::size_t i = 0; i < transforms.size(); ++i) {
    try {
      layout.steps.push_back(step_from_table(transforms[i], registry));
    } catch (Error& e) {
      e.add_context(fmt::format("layout {}: {}", layout.name, entry_name(transforms, i)));
      throw;
    }
    layout.text += (i == 0 ? "" : "\n") + step_text(layout.steps.back());
  }
  return layout;
}

}  // namespace daybook
