#include <fmt/format.h>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

// One link of the table `links`.
struct Wanted {
  std::string link;    // a path, or a name that goes beside the target
  std::string target;  // a key or path
};

class Linking {
 public:
  explicit Linking(const CheckedOptions& options)
      : hard_(options.text("kind") == "hard"),
        if_missing_(options.text("if-missing")),
        old_names_(options.boolean("old-names")),
        selection_(options) {
    if (options.has("file")) file_ = file_option(options);
    if (options.has("links")) read_links(options);
    if (options.has("pattern") != options.has("link"))
      options.wrong(options.has("link") ? "link" : "pattern", "goes together with the other one of pattern and link");
    if (options.has("pattern")) {
      if (file_) options.wrong("pattern", "cannot be used with file: name the links one by one");
      pattern_ = pattern_option(options, "pattern");
      link_ = options.text("link");
      try {
        pattern_->check_replacement(link_);
      } catch (const InvalidError& e) {
        options.wrong("link", e.what());
      }
    }
    if (links_.empty() && !pattern_ && !old_names_)
      options.wrong("links", "is missing: give links, or pattern and link, or old-names = true");
  }

  void operator()(Plan& plan) const {
    const Objects objects(plan);
    Places places = objects.places();
    std::vector<Node> made;
    for (const Wanted& wanted : links_) from_table(objects, wanted, made);
    // The same link made by an earlier use of the transform is enough.
    const auto is_there = [&](const Node& node) {
      const std::optional<std::size_t> index = objects.places().find(node.path);
      const auto* link = index ? std::get_if<AsLink>(&plan.nodes[*index].form) : nullptr;
      const auto& form = std::get<AsLink>(node.form);
      return link != nullptr && link->target == form.target && link->kind == form.kind && link->file == form.file;
    };
    const Groups groups(plan);
    for (const Node& node : plan.nodes) {
      if (!node.is_object() || (!pattern_ && !old_names_) || !selection_.matches(plan, node)) continue;
      if (pattern_)
        if (const auto name = pattern_->expand(groups.name(node.path), link_))
          made.push_back(link(checked_result(node, groups.of(node.path), *name), node.path));
      if (old_names_) from_old_name(places, node, made);
    }
    std::erase_if(made, is_there);
    plan.nodes.insert(plan.nodes.end(), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  }

 private:
  static std::string file_option(const CheckedOptions& options) {
    const std::string& file = options.text("file");
    if (file.empty() || file.find('\0') != std::string::npos)
      options.wrong("file", "must name a file, as seen from the folder of this one");
    if (options.text("kind") == "hard") options.wrong("file", "cannot be used with kind = \"hard\"");
    return file;
  }

  void read_links(const CheckedOptions& options) {
    for (const auto& [link, target] : options.table("links")) {
      const auto* text = std::get_if<std::string>(&target);
      if (text == nullptr) options.wrong("links", fmt::format("must have a string for {}", detail::quote_name(link)));
      if (file_ && (!link.starts_with('/') || !text->starts_with('/')))
        options.wrong("links", fmt::format("needs paths for a link into another file, such as \"/{}\"", link));
      try {
        Wanted wanted{link.starts_with('/') ? checked_path("/", link) : link, *text};
        static_cast<void>(checked_path("/x", link));
        if (text->starts_with('/') && *text != "/") wanted.target = checked_path("/", *text);
        if (text->empty()) throw InvalidError("the target is empty");
        links_.push_back(std::move(wanted));
      } catch (const InvalidError& e) {
        options.wrong("links",
                      fmt::format("has {} = {}: {}", detail::quote_name(link), detail::quote_name(*text), e.what()));
      }
    }
  }

  [[nodiscard]] Node link(std::string path, std::string target) const {
    AsLink form{.target = std::move(target), .kind = AsLink::Kind::soft, .file = file_.value_or("")};
    if (hard_) form.kind = AsLink::Kind::hard;
    if (file_) form.kind = AsLink::Kind::external;
    return constant_node(std::move(path), std::move(form), "links");
  }

  void from_table(const Objects& objects, const Wanted& wanted, std::vector<Node>& made) const {
    std::optional<std::string> target = file_ ? wanted.target : objects.find(wanted.target);
    if (!target) {
      if (if_missing_ == "error")
        throw InvalidError(fmt::format("{} is to be a link to {}, which is not in the file",
                                       detail::quote_name(wanted.link), detail::quote_name(wanted.target)));
      if (if_missing_ == "skip" || hard_ || !wanted.target.starts_with('/') || !wanted.link.starts_with('/')) return;
      target = wanted.target;
    }
    made.push_back(link(checked_path(detail::parent_path(*target), wanted.link), *target));
  }

  // A link where the dataset would be without a layout, so that old scripts find it.
  void from_old_name(Places& places, const Node& node, std::vector<Node>& made) const {
    const DatasetState& state = *node.state();
    const std::string old = detail::object_path(state.group == Group::archive ? "/archive" : "/datasets", state.key);
    if (old == node.path || !places.is_free(old)) return;
    places.take_way_to(old);
    places.take(old, 0, false);
    made.push_back(link(old, node.path));
  }

  bool hard_;
  std::string if_missing_;
  bool old_names_;
  Selection selection_;
  std::optional<std::string> file_;
  std::vector<Wanted> links_;
  std::optional<detail::KeyPattern> pattern_;
  std::string link_;
};

Transform make_links(const CheckedOptions& options) { return Linking(options); }

}  // namespace

void add_links(TransformRegistry& registry) {
  registry.add(
      {.name = "links",
       .summary = "Adds soft, hard or external links.",
       .options = {{.name = "links",
                    .type = OptionType::table,
                    .help = "link = target: a path or a name beside the target; a dataset's key or a path"},
                   {.name = "pattern", .help = "regular expression for the whole name of the datasets to be linked to"},
                   {.name = "link", .help = "the name or path of the link to each, with $1 … $9 of the pattern"},
                   {.name = "old-names",
                    .type = OptionType::boolean,
                    .help = "a link from where each dataset was before it was renamed or moved",
                    .otherwise = false},
                   {.name = "kind",
                    .type = OptionType::choice,
                    .help = "of the links within the file",
                    .otherwise = std::string("soft"),
                    .choices = {"soft", "hard"}},
                   {.name = "file", .help = "the links of the table lead into this other HDF5 file"},
                   {.name = "if-missing",
                    .type = OptionType::choice,
                    .help = "where a target is not in the file: no link, a soft link that leads nowhere, or an error",
                    .otherwise = std::string("skip"),
                    .choices = {"skip", "dangle", "error"}}},
       .selects = true},
      make_links);
}

}  // namespace daybook::layouts
