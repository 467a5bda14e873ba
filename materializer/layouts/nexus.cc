// The NeXus way to say what is to be plotted: manual.nexusformat.org, "Find the plottable data", and the base classes
// NXroot, NXentry and NXdata.
#include <fmt/format.h>

#include <algorithm>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"

namespace daybook::layouts {
namespace {

constexpr const char* nobody = ".";  // NeXus: no axis for this dimension

// NeXus names have letters, digits, "_" and inner ".".
std::string nexus_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    out += plain ? c : '_';
  }
  if (out.empty() || out.front() == '.') out.insert(out.begin(), '_');
  if (out.back() == '.') out += '_';
  return out;
}

void set_once(Node& node, const std::string& name, const Value& value) {
  if (has_attribute(node, name)) return;
  node.attributes.emplace_back(name, value.owned());
  note_edit(node, "nexus");
}

Value strings(const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return Value::strings({views.size()}, views);
}

// A dataset of the run, as a field of the group that is plotted.
struct Field {
  std::string path, name;
  Shape shape;
};

class Nexus {
 public:
  explicit Nexus(const CheckedOptions& options)
      : entry_(name_option(options, "entry")),
        data_(name_option(options, "data")),
        signal_(options.text("signal")),
        kind_(options.text("kind")),
        required_(options.text("if-missing") == "error") {
    if (options.has("axes")) axes_ = options.texts("axes");
    if (options.has("more-signals")) more_ = options.texts("more-signals");
    if (options.has("errors")) errors_ = options.text("errors");
    if (options.has("title")) title_ = options.text("title");
    if (axes_.size() > max_rank) options.wrong("axes", fmt::format("has more than {} keys", max_rank));
  }

  void operator()(Plan& plan) const {
    const Objects objects(plan);
    std::vector<Field> fields;
    const std::optional<std::size_t> signal = find(plan, objects, signal_, {}, fields);
    if (!signal) {
      if (required_)
        throw InvalidError(fmt::format("the run has no dataset {} to be the signal", detail::quote_name(signal_)));
      return;
    }
    const std::string signal_name = fields[*signal].name;
    const std::size_t rank = fields[*signal].shape.size();
    std::vector<std::pair<std::string, Value>> described = {{"NX_class", Value("NXdata")},
                                                            {"signal", Value(signal_name).owned()}};
    std::vector<std::string> more;
    for (const std::string& key : more_)
      if (const auto field = find(plan, objects, key, {}, fields);
          field && fields[*field].shape == fields[*signal].shape)
        more.push_back(fields[*field].name);
    if (!more.empty()) described.emplace_back("auxiliary_signals", strings(more));
    describe_axes(plan, objects, rank, fields, described);
    if (errors_) find(plan, objects, *errors_, signal_name + "_errors", fields);

    const std::string entry = "/" + entry_;
    std::string data = entry + "/" + data_;
    for (unsigned number = 2; objects.places().has(data); ++number)
      data = fmt::format("{}/{}_{}", entry, data_, number);
    add_groups(plan, {entry, data}, "nexus");
    Node& root = root_node(plan, "nexus");
    set_once(root, "NX_class", Value("NXroot"));
    set_once(root, "default", Value(entry_));
    if (Node* group = plan.find(entry)) {
      set_once(*group, "NX_class", Value("NXentry"));
      set_once(*group, "default", Value(detail::last_name(data)));
    }
    if (Node* group = plan.find(data))
      for (const auto& [name, value] : described) set_once(*group, name, value);
    put_fields(plan, data, fields);
    if (title_) add_title(plan, data);
  }

 private:
  static std::string name_option(const CheckedOptions& options, std::string_view name) {
    const std::string& text = options.text(name);
    if (nexus_name(text) != text)
      options.wrong(name, fmt::format("{} is no NeXus name: letters, digits and \"_\"", detail::quote_name(text)));
    return text;
  }

  // The field for a key or path, added if it is new; empty if the run has no such dataset, or none that can be stored.
  static std::optional<std::size_t> find(const Plan& plan, const Objects& objects, const std::string& key,
                                         const std::string& wanted_name, std::vector<Field>& fields) {
    const std::optional<std::string> path = objects.find(key);
    const std::optional<std::size_t> index = path ? objects.places().find(*path) : std::nullopt;
    if (!index || !std::holds_alternative<AsDataset>(plan.nodes[*index].form)) return std::nullopt;
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (fields[i].path == *path) return i;
    Field field{*path, wanted_name.empty() ? nexus_name(detail::last_name(*path)) : wanted_name, {}};
    try {
      field.shape = stored_as(plan, plan.nodes[*index]).shape;
    } catch (const InvalidError&) {
      return std::nullopt;
    }
    const auto is_used = [&] {
      return field.name == "title" ||
             std::any_of(fields.begin(), fields.end(), [&](const Field& other) { return other.name == field.name; });
    };
    while (is_used()) field.name += "_";
    fields.push_back(std::move(field));
    return fields.size() - 1;
  }

  // One name a dimension of the signal; keys beyond them are fields of the group only.
  void describe_axes(const Plan& plan, const Objects& objects, std::size_t rank, std::vector<Field>& fields,
                     std::vector<std::pair<std::string, Value>>& described) const {
    std::vector<std::string> axes(rank, nobody);
    std::vector<std::pair<std::string, Value>> indices;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      const auto axis = axes_[i] == nobody ? std::nullopt : find(plan, objects, axes_[i], {}, fields);
      if (!axis || i >= rank) continue;
      axes[i] = fields[*axis].name;
      std::vector<std::int64_t> dimensions(1, static_cast<std::int64_t>(i));
      if (const std::size_t own = fields[*axis].shape.size(); own > 1 && own == rank)
        for (dimensions.clear(); dimensions.size() < own;) dimensions.push_back(std::ssize(dimensions));
      const Value value = dimensions.size() == 1 ? Value(dimensions.front())
                                                 : Value::array(dimensions.data(), {dimensions.size()}).owned();
      indices.emplace_back(axes[i] + "_indices", value);
    }
    if (rank > 0 && !axes_.empty()) described.emplace_back("axes", strings(axes));
    described.insert(described.end(), indices.begin(), indices.end());
  }

  void put_fields(Plan& plan, const std::string& data, const std::vector<Field>& fields) const {
    std::vector<Node> links;
    Moves moves(plan, "nexus");
    for (const Field& field : fields) {
      Node* node = plan.find(field.path);
      if (node == nullptr) continue;
      for (const auto& [name, value] : node->attributes)
        if (name == "unit") {
          set_once(*node, "units", Value(value));
          break;
        }
      const std::string place = data + "/" + field.name;
      const auto kind = kind_ == "hard" ? AsLink::Kind::hard : AsLink::Kind::soft;
      if (kind_ == "move")
        moves.move(static_cast<std::size_t>(node - plan.nodes.data()), place);
      else
        links.push_back(constant_node(place, AsLink{.target = field.path, .kind = kind, .file = {}}, "nexus"));
    }
    moves.finish();
    plan.nodes.insert(plan.nodes.end(), std::make_move_iterator(links.begin()), std::make_move_iterator(links.end()));
  }

  void add_title(Plan& plan, const std::string& data) const {
    Node title = constant_node(data + "/title", AsDataset{}, "nexus");
    title.source = Value(*title_).owned();
    plan.nodes.push_back(std::move(title));
  }

  std::string entry_, data_, signal_, kind_;
  bool required_;
  std::vector<std::string> axes_, more_;
  std::optional<std::string> errors_, title_;
};

Transform make_nexus(const CheckedOptions& options) { return Nexus(options); }

}  // namespace

void add_nexus(TransformRegistry& registry) {
  registry.add({.name = "nexus",
                .summary = "Says in the NeXus way what is to be plotted, so that NeXus viewers open on the plot.",
                .options = {{.name = "signal", .help = "key or path of what is plotted", .required = true},
                            {.name = "axes",
                             .type = OptionType::texts,
                             .help = "key or path of the axis of each dimension; \".\" for none"},
                            {.name = "errors", .help = "key or path of the signal's uncertainties"},
                            {.name = "more-signals",
                             .type = OptionType::texts,
                             .help = "keys or paths of what is plotted beside it, of the signal's shape"},
                            {.name = "title", .help = "of the plot"},
                            {.name = "entry", .help = "name of the NXentry group", .otherwise = std::string("entry")},
                            {.name = "data",
                             .help = "name of the NXdata group; where it is taken, the next one is data_2",
                             .otherwise = std::string("data")},
                            {.name = "kind",
                             .type = OptionType::choice,
                             .help = "links to the datasets, or the datasets themselves are moved",
                             .otherwise = std::string("soft"),
                             .choices = {"soft", "hard", "move"}},
                            {.name = "if-missing",
                             .type = OptionType::choice,
                             .help = "where the run has no such signal: nothing is done, or an error",
                             .otherwise = std::string("skip"),
                             .choices = {"skip", "error"}}}},
               make_nexus);
}

}  // namespace daybook::layouts
