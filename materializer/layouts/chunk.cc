#include <fmt/format.h>

#include <algorithm>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/node_value.h"

namespace daybook::layouts {
namespace {

constexpr std::uint64_t most_chunk_bytes = 0xffffffff;  // HDF5 counts a chunk's bytes in 32 bits

// a * b <= most, without an overflow.
bool fits(std::uint64_t a, std::uint64_t b, std::uint64_t most) { return b == 0 || a <= most / b; }

bool is_whole(std::int64_t extent) { return extent <= 0; }

// The chunk for an array, no larger than it. Whole dimensions give way to HDF5's limit, numbers do not.
Shape chunk_of(const std::vector<std::int64_t>& wanted, const StoredAs& value, const Node& node) {
  Shape chunk;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    chunk.push_back(is_whole(wanted[i])
                        ? value.shape[i]
                        : std::min<std::uint64_t>(static_cast<std::uint64_t>(wanted[i]), value.shape[i]));
  const auto bytes_fit = [&] {
    std::uint64_t bytes = std::max<std::uint64_t>(value.type.is_variable() ? 16 : value.type.size(), 1);
    return std::all_of(chunk.begin(), chunk.end(), [&](std::uint64_t extent) {
      const bool ok = fits(bytes, extent, most_chunk_bytes);
      bytes *= extent;
      return ok;
    });
  };
  for (std::size_t i = 0; i < chunk.size(); ++i)
    while (is_whole(wanted[i]) && chunk[i] > 1 && !bytes_fit()) chunk[i] = (chunk[i] + 1) / 2;
  if (!bytes_fit())
    throw InvalidError(
        fmt::format("{}: option shape makes chunks of 4 GiB or more of its {}: HDF5 takes less, give a "
                    "smaller shape, or bytes",
                    key_of(node), value.type.name()));
  return chunk;
}

Transform make_chunk(const CheckedOptions& options) {
  std::optional<std::vector<std::int64_t>> shape;
  std::uint64_t bytes = 0;
  if (options.has("shape")) {
    shape = options.integers("shape");
    if (options.has("bytes")) options.wrong("bytes", "and shape exclude each other");
    if (shape->empty() || shape->size() > max_rank)
      options.wrong("shape", fmt::format("must have 1 to {} dimensions", max_rank));
    std::uint64_t elements = 1;
    for (const std::int64_t extent : *shape) {
      if (is_whole(extent)) continue;
      if (!fits(elements, static_cast<std::uint64_t>(extent), most_chunk_bytes))
        options.wrong("shape", "makes chunks of 4 GiB or more: HDF5 takes less");
      elements *= static_cast<std::uint64_t>(extent);
    }
  }
  if (options.has("bytes")) bytes = static_cast<std::uint64_t>(options.integer("bytes"));

  return [shape, bytes, selection = Selection(options)](Plan& plan) {
    for (Node& node : plan.nodes) {
      auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || !selection.matches(plan, node)) continue;
      std::optional<StoredAs> value;
      try {
        value = stored_as(plan, node);
      } catch (const InvalidError&) {
        continue;  // cannot be stored: the writer will say why
      }
      if (value->shape.empty() || value->count() == 0) continue;
      if (shape && shape->size() != value->shape.size()) continue;
      Storage& storage = dataset->storage;
      storage.kind = Storage::Kind::chunked;
      storage.chunk = shape ? chunk_of(*shape, *value, node) : Shape{};
      storage.chunk_bytes = bytes;
      note_edit(node, "chunk");
    }
  };
}

}  // namespace

void add_chunk(TransformRegistry& registry) {
  registry.add(
      {.name = "chunk",
       .summary = "Keeps arrays in chunks of a shape or size that suits how they are read.",
       .options = {{.name = "shape",
                    .type = OptionType::integers,
                    .help = "of arrays with as many dimensions, others are left alone; -1 or 0: the whole dimension",
                    .least = -1},
                   {.name = "bytes",
                    .type = OptionType::integer,
                    .help = "about so many in a chunk; without shape and bytes Daybook chooses",
                    .least = 1,
                    .most = static_cast<std::int64_t>(most_chunk_bytes)}},
       .selects = true},
      make_chunk);
}

}  // namespace daybook::layouts
