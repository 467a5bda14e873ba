#include <fmt/format.h>

#include "daybook/materializer/filters.h"
#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/node_value.h"

namespace daybook::layouts {
namespace {

constexpr std::int64_t usual_level = 4;
constexpr std::int64_t usual_min_bytes = 4096;
constexpr std::int64_t most_filter = 65535;
constexpr std::uint32_t scale_offset_integers = 2;  // its first option
constexpr std::uint32_t bitshuffle_lz4 = 2;         // its second option; without it nothing gets smaller
constexpr std::uint32_t zfp_reversible = 5;         // its first option
constexpr std::uint32_t szip_nearest_neighbour = 32, szip_pixels = 8;  // as h5py

std::vector<std::string> method_names() {
  std::vector<std::string> names = {"none", "deflate"};
  for (const KnownFilter& filter : known_filters()) names.emplace_back(filter.name);
  return names;
}

std::int32_t method_id(const CheckedOptions& options) {
  const OptionValue& method = options.any("method");
  if (const auto* id = std::get_if<std::int64_t>(&method)) {
    if (*id < 1 || *id > most_filter) options.wrong("method", fmt::format("{} is no number of an HDF5 filter", *id));
    return static_cast<std::int32_t>(*id);
  }
  const auto* name = std::get_if<std::string>(&method);
  if (name == nullptr) options.wrong("method", "has to be the name of a filter, its number, or \"none\"");
  const KnownFilter* known = find_filter(*name);
  if (known == nullptr)
    options.wrong("method", fmt::format("there is no filter \"{}\"{}; any registered one can be given by its number",
                                        *name, did_you_mean(*name, method_names())));
  return known->id;
}

std::vector<std::uint32_t> method_options(const CheckedOptions& options, std::int32_t id) {
  const bool given = options.has("options");
  if (id == gzip_filter) {
    if (given) options.wrong("options", "is not for gzip: give a level");
    return {static_cast<std::uint32_t>(options.has("level") ? options.integer("level") : usual_level)};
  }
  if (options.has("level")) options.wrong("level", "is only for gzip: give the filter's own options");
  if (given) {
    std::vector<std::uint32_t> made;
    if (id == scale_offset_filter && options.integers("options").size() != 2)
      options.wrong("options", "has to be two numbers for scale-offset: [2, 0] for integers, [0, DECIMALS] for floats");
    for (const std::int64_t number : options.integers("options")) made.push_back(static_cast<std::uint32_t>(number));
    return made;
  }
  if (id == szip_filter) return {szip_nearest_neighbour, szip_pixels};
  if (id == scale_offset_filter) return {scale_offset_integers, 0};
  if (id == zfp_filter) return {zfp_reversible};
  if (id == bitshuffle_filter) return {0, bitshuffle_lz4};
  return {};
}

void check_loss(const CheckedOptions& options, const Filter& filter) {
  const bool lossless =
      filter.id == scale_offset_filter
          ? filter.options.size() == 2 && filter.options[0] == scale_offset_integers && filter.options[1] == 0
      : filter.id == zfp_filter ? !filter.options.empty() && filter.options[0] == zfp_reversible
                                : true;
  if (lossless || options.boolean("allow-loss")) return;
  options.wrong(
      "method",
      fmt::format("{} with these options changes the numbers: say allow-loss = true if that is wanted", filter.name));
}

bool wants_shuffle(const CheckedOptions& options, std::int32_t id) {
  const KnownFilter* known = find_filter(id);
  const bool suits = known == nullptr || known->shuffles || id == fletcher32_filter;
  if (!options.has("shuffle")) return known != nullptr && known->shuffles;
  const bool wanted = options.boolean("shuffle");
  if (wanted && !suits)
    options.wrong("shuffle", fmt::format("makes no sense before {}, which looks at whole numbers or shuffles by itself",
                                         known->name));
  return wanted;
}

std::vector<Filter> pipeline(const CheckedOptions& options) {
  const std::int32_t id = method_id(options);
  const KnownFilter* known = find_filter(id);
  if (id == shuffle_filter)
    options.wrong("method", "shuffle alone saves nothing: it is an option beside a method that compresses");
  const Filter method = {id, known != nullptr ? std::string(known->name) : fmt::format("filter {}", id),
                         method_options(options, id)};
  check_loss(options, method);
  std::vector<Filter> filters;
  if (wants_shuffle(options, id)) filters.push_back({shuffle_filter, "shuffle", {}});
  filters.push_back(method);
  if (options.boolean("fletcher32") && id != fletcher32_filter)
    filters.push_back({fletcher32_filter, "fletcher32", {}});
  return filters;
}

bool suits_scale_offset(const Type& type, const Filter& filter) {
  if (filter.options[0] != scale_offset_integers) return type.kind() == Kind::floating;
  return type.kind() == Kind::integer || type.kind() == Kind::unsigned_integer;
}

// What filters can do something for; they can nothing for single numbers, or for texts of any length.
bool is_compressible(const Plan& plan, const Node& node, const std::vector<Filter>& filters) {
  try {
    const StoredAs value = stored_as(plan, node);
    if (value.form != Form::array || value.count() == 0 || value.type.is_variable()) return false;
    for (const Filter& filter : filters)
      if (filter.id == scale_offset_filter && !suits_scale_offset(value.type, filter)) return false;
    return !value.shape.empty();
  } catch (const InvalidError&) {
    return false;  // cannot be stored: told of when it is written
  }
}

Transform make_compress(const CheckedOptions& options) {
  std::vector<Filter> filters;
  const auto* name = std::get_if<std::string>(&options.any("method"));
  const bool none = name != nullptr && *name == "none";
  if (!none) filters = pipeline(options);
  return [filters, none, selection = Selection(options)](Plan& plan) {
    for (Node& node : plan.nodes) {
      auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || !selection.matches(plan, node)) continue;
      if (none ? dataset->storage.filters.empty() : !is_compressible(plan, node, filters)) continue;
      dataset->storage.filters = filters;
      node.edits.emplace_back("compress");
    }
  };
}

}  // namespace

void add_compress(TransformRegistry& registry) {
  registry.add(
      {.name = "compress",
       .summary = "Keeps arrays in compressed chunks.",
       .options = {{.name = "method",
                    .type = OptionType::any,
                    .help = "gzip, lzf, bzip2, lz4, blosc, bitshuffle, zstd, szip, nbit, scale-offset, zfp, the "
                            "number of any registered HDF5 filter, or none",
                    .otherwise = "gzip"},
                   {.name = "level",
                    .type = OptionType::integer,
                    .help = "of gzip: 0 (fast) to 9 (small); 4 if not given",
                    .least = 0,
                    .most = 9},
                   {.name = "options",
                    .type = OptionType::integers,
                    .help = "of any other filter: the numbers it takes (HDF5's cd_values)",
                    .least = 0,
                    .most = std::numeric_limits<std::uint32_t>::max()},
                   {.name = "shuffle",
                    .type = OptionType::boolean,
                    .help = "bytes of like significance together first, which makes numbers compress better; on "
                            "if not given where the method gains by it"},
                   {.name = "fletcher32",
                    .type = OptionType::boolean,
                    .help = "a checksum for each chunk, so that reading finds damage",
                    .otherwise = false},
                   {.name = "allow-loss",
                    .type = OptionType::boolean,
                    .help = "permits methods that change the numbers",
                    .otherwise = false},
                   {.name = "min-bytes",
                    .type = OptionType::integer,
                    .help = "smaller arrays gain nothing by it",
                    .otherwise = usual_min_bytes,
                    .least = 0}},
       .selects = true},
      make_compress);
}

}  // namespace daybook::layouts
