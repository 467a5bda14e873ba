#include "daybook/materializer/layouts/gzip.h"

#include <limits>

#include "daybook/materializer/transform_options.h"

namespace daybook {

Transform make_gzip(const TransformOptions& options) {
  OptionReader reader("gzip", options);
  Storage storage;
  storage.gzip = static_cast<int>(reader.integer("level", 4, 0, 9));
  storage.shuffle = reader.boolean("shuffle", true);
  storage.min_bytes =
      static_cast<std::uint64_t>(reader.integer("min-bytes", 4096, 0, std::numeric_limits<std::int64_t>::max()));
  const std::vector<std::string> keys = reader.texts("keys", {"*"});
  reader.done();
  return [storage, keys](Plan& plan) {
    for (Node& node : plan.nodes) {
      auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || node.state() == nullptr || !matches_any(keys, node.state()->key)) continue;
      const Shape chunk = dataset->storage.chunk;
      dataset->storage = storage;
      dataset->storage.chunk = chunk;  // another transform's choice
      node.origin = "gzip";
    }
  };
}

}  // namespace daybook
