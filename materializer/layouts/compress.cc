#include "daybook/materializer/layouts/built_in.h"

namespace daybook::layouts {
namespace {

constexpr std::int64_t usual_level = 4;
constexpr std::int64_t usual_min_bytes = 4096;

Transform make_compress(const CheckedOptions& options) {
  std::vector<Filter> filters;
  if (options.boolean("shuffle")) filters.push_back({shuffle_filter, "shuffle", {}});
  filters.push_back({gzip_filter, "gzip", {static_cast<std::uint32_t>(options.integer("level"))}});
  return [filters, selection = Selection(options)](Plan& plan) {
    for (Node& node : plan.nodes) {
      auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || !selection.matches(plan, node)) continue;
      dataset->storage.filters = filters;
      node.edits.emplace_back("compress");
    }
  };
}

}  // namespace

void add_compress(TransformRegistry& registry) {
  registry.add({.name = "compress",
                .summary = "Keeps arrays in compressed chunks.",
                .options = {{.name = "level",
                             .type = OptionType::integer,
                             .help = "0 (fast) to 9 (small)",
                             .otherwise = usual_level,
                             .least = 0,
                             .most = 9},
                            {.name = "shuffle",
                             .type = OptionType::boolean,
                             .help = "bytes of like significance together first, which makes numbers compress better",
                             .otherwise = true},
                            {.name = "min-bytes",
                             .type = OptionType::integer,
                             .help = "smaller arrays gain nothing by it",
                             .otherwise = usual_min_bytes,
                             .least = 0}},
                .selects = true},
               make_compress);
}

}  // namespace daybook::layouts
