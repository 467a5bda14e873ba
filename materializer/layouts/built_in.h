#pragma once

#include "daybook/materializer/transform.h"

// Each puts one transform into the registry; docs/layouts/NAME.md says what it does.
namespace daybook::layouts {

void add_attributes(TransformRegistry& registry);
void add_cast(TransformRegistry& registry);
void add_chunk(TransformRegistry& registry);
void add_compact(TransformRegistry& registry);
void add_compress(TransformRegistry& registry);
void add_constant(TransformRegistry& registry);
void add_contiguous(TransformRegistry& registry);
void add_extendible(TransformRegistry& registry);
void add_file_format(TransformRegistry& registry);
void add_fill_value(TransformRegistry& registry);
void add_groups_from_keys(TransformRegistry& registry);
void add_history(TransformRegistry& registry);
void add_links(TransformRegistry& registry);
void add_merge_archive(TransformRegistry& registry);
void add_move(TransformRegistry& registry);
void add_nexus(TransformRegistry& registry);
void add_no_file(TransformRegistry& registry);
void add_omit(TransformRegistry& registry);
void add_only(TransformRegistry& registry);
void add_rename(TransformRegistry& registry);
void add_scalars_as_table(TransformRegistry& registry);
void add_small_as_attributes(TransformRegistry& registry);
void add_track_times(TransformRegistry& registry);

}  // namespace daybook::layouts
