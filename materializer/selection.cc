#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "daybook/materializer/cast.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/transform.h"
#include "daybook/materializer/type_text.h"

namespace daybook {
namespace {

constexpr std::int64_t most_rank = static_cast<std::int64_t>(max_rank);

std::optional<std::uint64_t> limit(const CheckedOptions& options, std::string_view name) {
  if (!options.has(name)) return std::nullopt;
  return static_cast<std::uint64_t>(options.integer(name));
}

const std::vector<std::string>& type_words() {
  static const std::vector<std::string> words = {"number", "bool",  "int",    "uint", "float",    "complex",
                                                 "string", "bytes", "opaque", "enum", "compound", "vlen"};
  return words;
}

// The word for a type in `types`, beside NumPy's own spelling of it.
std::string_view type_word(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::unsigned_integer:
      return "uint";
    case Kind::floating:
      return "float";
    case Kind::complex:
      return "complex";
    case Kind::string:
      return type.charset() == Charset::utf8 ? "string" : "bytes";
    case Kind::fixed_string:
      return "bytes";
    case Kind::opaque:
      return "opaque";
    case Kind::enumeration:
      return "enum";
    case Kind::compound:
      return "compound";
    case Kind::vlen:
      return "vlen";
  }
  return {};
}

bool has_type(const std::vector<std::string>& types, const Type& type) {
  const std::string name = type.name();
  const std::string_view word = type_word(type);
  const bool number = type.is_number() && type.kind() != Kind::boolean;
  return std::any_of(types.begin(), types.end(), [&](const std::string& wanted) {
    return wanted == word || wanted == name || (number && wanted == "number");
  });
}

// What "NAME=GLOB" is compared with.
std::string attribute_text(const Value& value) {
  const bool text = value.form() == Form::scalar && value.type().kind() == Kind::string && value.is_contiguous();
  if (text) return std::string(value.string_at(0));
  const bool number = value.form() == Form::scalar && value.type().is_number();
  return number ? detail::number_text(value.type(), value.bytes().data()) : std::string();
}

bool has_attribute(const Node& node, std::string_view wanted) {
  const std::size_t equals = wanted.find('=');
  const std::string_view name = wanted.substr(0, equals);
  return std::any_of(node.attributes.begin(), node.attributes.end(), [&](const auto& attribute) {
    if (attribute.first != name) return false;
    return equals == std::string_view::npos ||
           matches_any({std::string(wanted.substr(equals + 1))}, attribute_text(attribute.second));
  });
}

}  // namespace

const std::vector<OptionInfo>& selection_options() {
  static const std::vector<OptionInfo> options = {
      {.name = "keys",
       .type = OptionType::texts,
       .help = "globs on dataset names (* also matches / and .)",
       .otherwise = OptionList{std::string("*")}},
      {.name = "except", .type = OptionType::texts, .help = "globs on dataset names that are left alone"},
      {.name = "paths",
       .type = OptionType::texts,
       .help = "globs on where they stand in the file by now, such as \"/archive/*\""},
      {.name = "types",
       .type = OptionType::texts,
       .help = "number, bool, int, uint, float, complex, string, bytes, opaque, enum, compound, vlen, or NumPy's "
               "spelling such as \"<f8\""},
      {.name = "min-rank",
       .type = OptionType::integer,
       .help = "at least so many dimensions",
       .least = 0,
       .most = most_rank},
      {.name = "max-rank",
       .type = OptionType::integer,
       .help = "at most so many dimensions",
       .least = 0,
       .most = most_rank},
      {.name = "min-bytes", .type = OptionType::integer, .help = "at least so large", .least = 0},
      {.name = "max-bytes", .type = OptionType::integer, .help = "at most so large", .least = 0},
      {.name = "metadata",
       .type = OptionType::texts,
       .help = "attributes that must be there: \"unit\", or \"unit=M*\" with a glob on its value"},
  };
  return options;
}

Selection::Selection(const CheckedOptions& options)
    : keys_(options.has("keys") ? options.texts("keys") : std::vector<std::string>{"*"}),
      min_rank_(limit(options, "min-rank")),
      max_rank_(limit(options, "max-rank")),
      min_bytes_(limit(options, "min-bytes")),
      max_bytes_(limit(options, "max-bytes")) {
  if (options.has("except")) except_ = options.texts("except");
  if (options.has("paths")) paths_ = options.texts("paths");
  if (options.has("metadata")) metadata_ = options.texts("metadata");
  if (options.has("types")) types_ = options.texts("types");
  for (std::string& type : types_) {
    const auto& words = type_words();
    if (std::find(words.begin(), words.end(), type) != words.end()) continue;
    const std::optional<Type> known = detail::find_type(type);
    if (!known)
      options.wrong("types", fmt::format("has no type {}{}", detail::quote_name(type), did_you_mean(type, words)));
    type = known->name();
  }
}

bool Selection::matches(const Plan& plan, const Node& node) const {
  const DatasetState* state = node.state();
  if (state == nullptr || !node.is_written()) return false;
  if (!matches_any(keys_, state->key) || matches_any(except_, state->key)) return false;
  if (!paths_.empty() && !matches_any(paths_, node.path)) return false;
  if (!std::all_of(metadata_.begin(), metadata_.end(), [&](const auto& wanted) { return has_attribute(node, wanted); }))
    return false;
  if (types_.empty() && !min_rank_ && !max_rank_ && !min_bytes_ && !max_bytes_) return true;
  try {
    const StoredAs value = stored_as(plan, node);
    return (types_.empty() || has_type(types_, value.type)) && (!min_rank_ || value.shape.size() >= *min_rank_) &&
           (!max_rank_ || value.shape.size() <= *max_rank_) && (!min_bytes_ || value.bytes() >= *min_bytes_) &&
           (!max_bytes_ || value.bytes() <= *max_bytes_);
  } catch (const InvalidError&) {
    return false;  // the writer will say why
  }
}

}  // namespace daybook
