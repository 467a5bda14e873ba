#include "daybook/materializer/layouts/places.h"

#include <fmt/format.h>

#include <algorithm>

#include "daybook/materializer/object_path.h"

namespace daybook::layouts {

Places::Places(const Plan& plan) {
  for (const bool fixed : {true, false})
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (node.fixed != fixed || !node.is_object()) continue;
      take_way_to(node.path);
      take(node.path, i, std::holds_alternative<AsGroup>(node.form));
    }
}

void Places::take(const std::string& path, std::size_t node, bool group) {
  const auto [here, fresh] = places_.try_emplace(path, Place{node, group});
  if (!fresh && group && here->second.group && here->second.node == none) here->second.node = node;
}

void Places::take_way_to(std::string_view path) {
  while (path != "/") {
    path = detail::parent_path(path);
    if (!places_.try_emplace(std::string(path), Place{none, true}).second) break;
  }
}

std::optional<std::size_t> Places::find(std::string_view path) const {
  const auto found = places_.find(std::string(path));
  if (found == places_.end() || found->second.node == none) return std::nullopt;
  return found->second.node;
}

bool Places::has(std::string_view path) const { return places_.find(std::string(path)) != places_.end(); }

bool Places::is_group(std::string_view path) const {
  const auto found = places_.find(std::string(path));
  return path == "/" || (found != places_.end() && found->second.group);
}

bool Places::is_free(std::string_view path) const {
  if (path == "/" || has(path)) return false;
  for (path = detail::parent_path(path); path != "/"; path = detail::parent_path(path))
    if (const auto found = places_.find(std::string(path)); found != places_.end()) return found->second.group;
  return true;
}

Groups::Groups(const Plan& plan) {
  for (const Node& node : plan.nodes)
    if (node.fixed && std::holds_alternative<AsGroup>(node.form) && node.path != "/") groups_.push_back(node.path);
  std::stable_sort(groups_.begin(), groups_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string_view Groups::of(std::string_view path) const {
  for (const std::string& group : groups_)
    if (path != group && detail::is_within(path, group)) return group;
  return "/";
}

std::string_view Groups::name(std::string_view path) const {
  const std::string_view group = of(path);
  return path.substr(group == "/" ? 1 : group.size() + 1);
}

Objects::Objects(const Plan& plan) : places_(plan) {
  for (const Group group : {Group::datasets, Group::archive})
    for (const Node& node : plan.nodes)
      if (const DatasetState* state = node.state(); state != nullptr && state->group == group && node.is_object())
        by_key_.try_emplace(state->key, node.path);
}

std::optional<std::string> Objects::find(std::string_view key_or_path) const {
  if (key_or_path == "/") return "/";
  if (key_or_path.starts_with('/')) {
    std::string path = checked_path("/", key_or_path);
    if (places_.has(path)) return path;
  }
  const auto found = by_key_.find(std::string(key_or_path));
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

Moves::Moves(Plan& plan, std::string transform) : plan_(plan), transform_(std::move(transform)), before_(plan) {}

void Moves::move(std::size_t index, std::string to) {
  Node& node = plan_.nodes[index];
  if (node.path == to) return;
  if (before_.find(node.path) == index) moved_.emplace(node.path, to);
  node.path = std::move(to);
  node.origin = transform_;
  node.fixed = false;
}

void Moves::finish() {
  for (Node& node : plan_.nodes) {
    std::string* to = nullptr;
    if (auto* attribute = std::get_if<AsAttribute>(&node.form)) to = &attribute->object;
    if (auto* field = std::get_if<AsField>(&node.form)) to = &field->table;
    if (auto* link = std::get_if<AsLink>(&node.form); link != nullptr && link->kind != AsLink::Kind::external)
      to = &link->target;
    if (to == nullptr) continue;
    const auto found = moved_.find(*to);
    if (found == moved_.end()) continue;
    *to = found->second;
    note_edit(node, transform_);
  }
}

WideSelection::WideSelection(const CheckedOptions& options) : selection_(options) {
  bool dataset_only = options.has("keys") && options.texts("keys") != std::vector<std::string>{"*"};
  for (const OptionInfo& option : selection_options())
    if (option.name != "keys" && option.name != "paths" && options.has(option.name)) dataset_only = true;
  all_ = !dataset_only && !options.has("paths") && !options.has("keys");
  if (options.has("paths") && !dataset_only) paths_ = options.texts("paths");
}

bool WideSelection::matches(const Plan& plan, const Node& node) const {
  if (selection_.matches(plan, node)) return true;
  return node.state() == nullptr && node.is_written() && node.path != "/" && matches_any(paths_, node.path);
}

std::string checked_path(std::string_view group, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) throw InvalidError("a path must not hold a NUL");
  std::string path = detail::object_path(group, text);
  for (std::string_view rest = path; rest != "/"; rest = detail::parent_path(rest))
    if (detail::last_name(rest) == "..") throw InvalidError("a path must not hold \"..\": it could leave its group");
  return path;
}

std::string path_option(const CheckedOptions& options, std::string_view name, std::string_view group) {
  const std::string& text = options.text(name);
  if (text == "/") return text;
  try {
    return checked_path(group, text);
  } catch (const InvalidError& e) {
    options.wrong(name, fmt::format("{}: {}", detail::quote_name(text), e.what()));
  }
}

std::string checked_result(const Node& node, std::string_view group, std::string_view result) {
  constexpr std::size_t longest = 60000;  // HDF5 ends somewhere below 64 KiB
  try {
    if (result.size() > longest) throw InvalidError(fmt::format("a name of {} bytes is too long", result.size()));
    return checked_path(group, result);
  } catch (const InvalidError& e) {
    throw InvalidError(
        fmt::format("{} would be put at {}: {}", key_of(node), detail::quote_name(result.substr(0, 200)), e.what()));
  }
}

std::string key_of(const Node& node) {
  const DatasetState* state = node.state();
  if (state == nullptr) return node.path;
  return fmt::format("{} {}", state->group == Group::archive ? "archived value" : "dataset",
                     detail::quote_name(state->key));
}

detail::KeyPattern pattern_option(const CheckedOptions& options, std::string_view name) {
  try {
    return detail::KeyPattern(options.text(name));
  } catch (const InvalidError& e) {
    options.wrong(name, e.what());
  }
}

void add_groups(Plan& plan, const std::vector<std::string>& paths, std::string_view origin) {
  std::vector<std::string> fresh;
  std::unordered_set<std::string> known;
  for (const Node& node : plan.nodes)
    if (std::holds_alternative<AsGroup>(node.form)) known.insert(node.path);
  for (const std::string& path : paths)
    if (path != "/" && known.insert(path).second) fresh.push_back(path);
  std::stable_sort(fresh.begin(), fresh.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  std::vector<Node> nodes;
  for (std::string& path : fresh) nodes.push_back(constant_node(std::move(path), AsGroup{}, origin));
  const bool rooted = !plan.nodes.empty() && plan.nodes.front().path == "/";
  plan.nodes.insert(plan.nodes.begin() + (rooted ? 1 : 0), std::make_move_iterator(nodes.begin()),
                    std::make_move_iterator(nodes.end()));
}

Node& root_node(Plan& plan, std::string_view origin) {
  for (Node& node : plan.nodes)
    if (node.path == "/" && node.is_object()) return node;
  return *plan.nodes.insert(plan.nodes.begin(), constant_node("/", AsGroup{}, origin));
}

Node constant_node(std::string path, NodeForm form, std::string_view origin) {
  return {
      .path = std::move(path), .source = {}, .form = std::move(form), .attributes = {}, .origin = std::string(origin)};
}

bool has_attribute(const Node& node, std::string_view name) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [&](const auto& a) { return a.first == name; });
}

void note_edit(Node& node, std::string_view transform) {
  if (node.origin == transform || (!node.edits.empty() && node.edits.back() == transform)) return;
  node.edits.emplace_back(transform);
}

}  // namespace daybook::layouts
