#include <unordered_set>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

// "a.b" → "a/b". A name with an empty part (".a", "a..b") stays as it is: two names could become one.
std::string split_name(std::string_view name, std::string_view separator) {
  std::string out;
  for (std::size_t start = 0;;) {
    const std::size_t end = std::min(name.find(separator, start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part.empty() || part.front() == '/' || part.back() == '/') return std::string(name);
    for (std::string_view rest = part; !rest.empty();) {
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      const std::string_view one = rest.substr(0, slash);
      if (one == "." || one == "..") return std::string(name);
      rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    out += out.empty() ? "" : "/";
    out += part;
    if (end == name.size()) return out;
    start = end + separator.size();
  }
}

struct Wish {
  std::size_t node;
  std::string path;
};

class Splitting {
 public:
  Splitting(Plan& plan, const Selection& selection, const std::string& separator, const std::string& value_name)
      : plan_(plan), value_name_(value_name) {
    const Groups groups(plan);
    std::unordered_set<std::size_t> wishing;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!node.is_object() || node.fixed || !selection.matches(plan, node)) continue;
      const std::string_view group = groups.of(node.path);
      std::string path = std::string(group == "/" ? "" : group) + "/" + split_name(groups.name(node.path), separator);
      if (path == node.path && value_name_.empty()) continue;
      wishes_.push_back({i, std::move(path)});
      wishing.insert(i);
    }
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const Node& node = plan.nodes[i];
      if (!node.is_object() || wishing.count(i) != 0) continue;
      places_.take_way_to(node.path);
      places_.take(node.path, i, std::holds_alternative<AsGroup>(node.form));
    }
    // Groups that are there without a split stay groups: nobody who keeps his place finds it below a dataset now.
    for (const Wish& wish : wishes_) places_.take_way_to(plan.nodes[wish.node].path);
  }

  void run() {
    Moves moves(plan_, "groups-from-keys");
    if (!value_name_.empty()) values_into_groups(moves);
    for (const Wish& wish : wishes_) {
      if (places_.is_free(wish.path)) {
        put(moves, wish.node, wish.path);
      } else {
        places_.take(plan_.nodes[wish.node].path, wish.node, false);
      }
    }
    moves.finish();
  }

 private:
  void put(Moves& moves, std::size_t node, const std::string& path) {
    places_.take_way_to(path);
    places_.take(path, node, false);
    moves.move(node, path);
  }

  // Those that stand where others need a group go into it. Who has a plain name and stays gets his place before others.
  void values_into_groups(Moves& moves) {
    Places needed = places_;
    for (const Wish& wish : wishes_) needed.take_way_to(wish.path);
    const auto is_plain = [&](const Wish& wish) { return wish.path == plan_.nodes[wish.node].path; };
    for (const Wish& wish : wishes_)
      if (is_plain(wish) && !needed.is_group(wish.path)) places_.take(wish.path, wish.node, false);
    std::vector<Wish> others;
    for (Wish& wish : wishes_) {
      const std::string inside = wish.path + "/" + value_name_;
      if (needed.is_group(wish.path) && places_.is_free(inside)) {
        put(moves, wish.node, inside);
      } else if (is_plain(wish)) {
        places_.take(wish.path, wish.node, false);
      } else {
        others.push_back(std::move(wish));
      }
    }
    wishes_ = std::move(others);
  }

  Plan& plan_;
  std::string value_name_;
  std::vector<Wish> wishes_;
  Places places_;
};

Transform make_groups_from_keys(const CheckedOptions& options) {
  const std::string& separator = options.text("separator");
  if (separator.empty() || separator.find('\0') != std::string::npos) options.wrong("separator", "must not be empty");
  const std::string& value_name = options.text("value-name");
  if (value_name.find('/') != std::string::npos || value_name == ".")
    options.wrong("value-name", "must be one name, without \"/\"");
  path_option(options, "value-name");
  const bool inside = options.text("on-conflict") == "value";
  return [separator, name = inside ? value_name : std::string(), selection = Selection(options)](Plan& plan) {
    Splitting(plan, selection, separator, name).run();
  };
}

}  // namespace

void add_groups_from_keys(TransformRegistry& registry) {
  registry.add(
      {.name = "groups-from-keys",
       .summary = "Makes groups of dotted names: scan.x becomes x in the group scan.",
       .options = {{.name = "separator", .help = "what stands between the parts", .otherwise = std::string(".")},
                   {.name = "on-conflict",
                    .type = OptionType::choice,
                    .help = "where scan is a dataset and there is scan.x: scan.x stays as it is (flat), or scan "
                            "goes into the group, under value-name (value)",
                    .otherwise = std::string("flat"),
                    .choices = {"flat", "value"}},
                   {.name = "value-name",
                    .help = "what scan is called in the group scan",
                    .otherwise = std::string("value")}},
       .selects = true},
      make_groups_from_keys);
}

}  // namespace daybook::layouts
