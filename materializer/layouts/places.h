#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "daybook/materializer/key_pattern.h"
#include "daybook/materializer/transform.h"

// What the transforms share that look for objects, make groups or give nodes other places.
namespace daybook::layouts {

// Who stands where in a plan: what settle() will find. A snapshot: later changes of the plan are not seen.
class Places {
 public:
  Places() = default;
  explicit Places(const Plan& plan);

  void take(const std::string& path, std::size_t node, bool group);  // the first one stays
  void take_way_to(std::string_view path);                           // the groups above it

  [[nodiscard]] std::optional<std::size_t> find(std::string_view path) const;  // the first object's index in the plan
  [[nodiscard]] bool has(std::string_view path) const;                         // an object, or the way to one
  [[nodiscard]] bool is_group(std::string_view path) const;
  [[nodiscard]] bool is_free(std::string_view path) const;  // an object could be put here

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct Place {
    std::size_t node = none;
    bool group = false;
  };
  std::unordered_map<std::string, Place> places_;
};

// The groups that the file has anyway (/datasets, /archive, …): a dataset's name is what comes below one of them.
class Groups {
 public:
  explicit Groups(const Plan& plan);
  [[nodiscard]] std::string_view of(std::string_view path) const;    // the deepest one around it
  [[nodiscard]] std::string_view name(std::string_view path) const;  // "/datasets/a/b" → "a/b"

 private:
  std::vector<std::string> groups_;  // the deepest first
};

// What a layout calls by key or path: "image" is the dataset or archived value of that key, wherever it stands by now;
// "/datasets/image" what stands there, also a group.
class Objects {
 public:
  explicit Objects(const Plan& plan);
  [[nodiscard]] std::optional<std::string> find(std::string_view key_or_path) const;  // its path
  [[nodiscard]] const Places& places() const { return places_; }

 private:
  Places places_;
  std::unordered_map<std::string, std::string> by_key_;
};

// Gives objects other places; attributes, fields and links that belong to or point at them follow.
class Moves {
 public:
  Moves(Plan& plan, std::string transform);
  void move(std::size_t node, std::string to);
  void finish();

 private:
  Plan& plan_;
  std::string transform_;
  Places before_;
  std::unordered_map<std::string, std::string> moved_;
};

// Selection, and beside it what is no dataset of the run (ARTIQ's own /expid, constants, links, groups; not the root):
// that is meant when nothing but `paths` is given and one of them matches.
class WideSelection {
 public:
  explicit WideSelection(const CheckedOptions& options);
  [[nodiscard]] bool matches(const Plan& plan, const Node& node) const;
  [[nodiscard]] bool selects_all() const { return all_; }  // nothing was given

 private:
  Selection selection_;
  std::vector<std::string> paths_;  // that count without a dataset; empty: none do
  bool all_ = true;
};

// The absolute path of what a layout calls by `text`, seen from `group`. InvalidError if it is empty, holds a NUL or a
// part "..", or is no UTF-8.
std::string checked_path(std::string_view group, std::string_view text);
// The same for an option's value: OptionError. "/" is a path, too.
std::string path_option(const CheckedOptions& options, std::string_view name, std::string_view group = "/");
// For what was computed from a dataset's name: InvalidError names the dataset and the result.
std::string checked_result(const Node& node, std::string_view group, std::string_view result);
std::string key_of(const Node& node);  // for messages: the key in quotes, or the path

detail::KeyPattern pattern_option(const CheckedOptions& options, std::string_view name);  // OptionError

// Groups that are to be there, parents first, ahead of everything but the root. Shifts the nodes' indices.
void add_groups(Plan& plan, const std::vector<std::string>& paths, std::string_view origin);

Node& root_node(Plan& plan, std::string_view origin);  // made if the plan has none; may shift the nodes' indices
Node constant_node(std::string path, NodeForm form, std::string_view origin);  // no value, no attributes
bool has_attribute(const Node& node, std::string_view name);
void note_edit(Node& node, std::string_view transform);  // once, and not for what the transform made itself

}  // namespace daybook::layouts
