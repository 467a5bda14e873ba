// extendible, contiguous, compact, track-times and fill-value: how a dataset's elements are kept.
#include <fmt/format.h>

#include <cmath>

#include "daybook/materializer/layouts/built_in.h"
#include "daybook/materializer/layouts/places.h"
#include "daybook/materializer/node_value.h"

namespace daybook::layouts {
namespace {

constexpr std::int64_t compact_default = 4096;
constexpr std::int64_t compact_most = 60000;  // HDF5 keeps it in the object's header of less than 64 KiB

// Of datasets with at least `min_rank` dimensions.
template <class Change>
Transform storage_transform(const CheckedOptions& options, std::size_t min_rank, const Change& change) {
  return [name = options.transform(), selection = Selection(options), min_rank, change](Plan& plan) {
    for (Node& node : plan.nodes) {
      auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || !selection.matches(plan, node)) continue;
      try {
        const StoredAs value = stored_as(plan, node);
        if (value.form == Form::null || value.shape.size() < min_rank || !change(dataset->storage, value)) continue;
      } catch (const InvalidError&) {
        continue;  // cannot be stored: the writer will say why
      }
      note_edit(node, name);
    }
  };
}

// Chunks, what needs them, and the wish for another kind go together.
void set_unchunked(Storage& storage, Storage::Kind kind) {
  storage.kind = kind;
  storage.chunk = {};
  storage.chunk_bytes = 0;
  storage.filters.clear();
  storage.extendible = false;
}

Transform make_extendible(const CheckedOptions& options) {
  return storage_transform(options, 1, [](Storage& storage, const StoredAs&) {
    storage.kind = Storage::Kind::chunked;
    storage.extendible = true;
    return true;
  });
}

Transform make_contiguous(const CheckedOptions& options) {
  return storage_transform(options, 0, [](Storage& storage, const StoredAs&) {
    set_unchunked(storage, Storage::Kind::contiguous);
    return true;
  });
}

Transform make_compact(const CheckedOptions& options) {
  return storage_transform(options, 0, [](Storage& storage, const StoredAs& value) {
    if (value.bytes() > static_cast<std::uint64_t>(compact_most)) return false;
    set_unchunked(storage, Storage::Kind::compact);
    return true;
  });
}

Transform make_track_times(const CheckedOptions& options) {
  return storage_transform(options, 0, [on = options.boolean("on")](Storage& storage, const StoredAs&) {
    storage.track_times = on;
    return true;
  });
}

bool integer_holds(const Type& type, std::int64_t number) {
  const unsigned bits = type.size() * 8;
  if (type.kind() == Kind::unsigned_integer) {
    if (number < 0) return false;
    return bits >= 64 || static_cast<std::uint64_t>(number) >> bits == 0;
  }
  return bits >= 64 || (number >= -(std::int64_t{1} << (bits - 1)) && number < std::int64_t{1} << (bits - 1));
}

// A value for what was never written makes sense in an element of `type`.
bool can_hold(const Type& type, const OptionValue& fill) {
  if (std::holds_alternative<std::string>(fill)) {
    const std::string& text = std::get<std::string>(fill);
    return type.kind() == Kind::string || (type.kind() == Kind::fixed_string && text.size() <= type.size());
  }
  if (std::holds_alternative<bool>(fill)) return type.kind() == Kind::boolean;
  const bool floating = type.kind() == Kind::floating || type.kind() == Kind::complex;
  if (floating) return true;
  if (type.kind() != Kind::integer && type.kind() != Kind::unsigned_integer) return false;
  if (const auto* whole = std::get_if<std::int64_t>(&fill)) return integer_holds(type, *whole);
  const double number = std::get<double>(fill);
  constexpr double bound = 9007199254740992.0;  // 2^53: a double is that integer up to here
  return std::trunc(number) == number && std::abs(number) <= bound &&
         integer_holds(type, static_cast<std::int64_t>(number));
}

Transform make_fill_value(const CheckedOptions& options) {
  const OptionValue& fill = options.any("value");
  if (std::holds_alternative<OptionList>(fill))
    options.wrong("value", "must be one boolean, number or string: it fills single elements");
  return storage_transform(options, 1, [fill, value = to_value(fill)](Storage& storage, const StoredAs& stored) {
    if (!can_hold(stored.type, fill)) return false;
    storage.fill_value = value;
    return true;
  });
}

}  // namespace

void add_extendible(TransformRegistry& registry) {
  registry.add({.name = "extendible",
                .summary = "Lets other programs append to arrays: every dimension is unlimited.",
                .options = {},
                .selects = true},
               make_extendible);
}

void add_contiguous(TransformRegistry& registry) {
  registry.add({.name = "contiguous",
                .summary = "Keeps elements in one piece: no chunks, no compression.",
                .options = {},
                .selects = true},
               make_contiguous);
}

void add_compact(TransformRegistry& registry) {
  registry.add({.name = "compact",
                .summary = "Keeps small values inside the object's header: one place to read instead of two.",
                .options = {{.name = "max-bytes",
                             .type = OptionType::integer,
                             .help = "larger ones are left as they are",
                             .otherwise = compact_default,
                             .least = 0,
                             .most = compact_most}},
                .selects = true},
               make_compact);
}

void add_track_times(TransformRegistry& registry) {
  registry.add({.name = "track-times",
                .summary = "Keeps HDF5's own object times; two files of one journal then differ.",
                .options = {{.name = "on",
                             .type = OptionType::boolean,
                             .help = "false takes back what an earlier transform asked for",
                             .otherwise = true}},
                .selects = true},
               make_track_times);
}

void add_fill_value(TransformRegistry& registry) {
  registry.add({.name = "fill-value",
                .summary = "What elements hold that nobody wrote, such as those of a later extension.",
                .options = {{.name = "value",
                             .type = OptionType::any,
                             .help = "a boolean, number or string; for arrays whose type can hold it",
                             .required = true}},
                .selects = true},
               make_fill_value);
}

}  // namespace daybook::layouts
