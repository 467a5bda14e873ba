#include "daybook/materializer/layouts/built_in.h"

namespace daybook {

TransformRegistry built_in_transforms() {
  TransformRegistry registry;
  layouts::add_attributes(registry);
  layouts::add_cast(registry);
  layouts::add_chunk(registry);
  layouts::add_compact(registry);
  layouts::add_compress(registry);
  layouts::add_constant(registry);
  layouts::add_contiguous(registry);
  layouts::add_extendible(registry);
  layouts::add_file_format(registry);
  layouts::add_fill_value(registry);
  layouts::add_groups_from_keys(registry);
  layouts::add_history(registry);
  layouts::add_links(registry);
  layouts::add_merge_archive(registry);
  layouts::add_move(registry);
  layouts::add_nexus(registry);
  layouts::add_no_file(registry);
  layouts::add_omit(registry);
  layouts::add_only(registry);
  layouts::add_rename(registry);
  layouts::add_scalars_as_table(registry);
  layouts::add_small_as_attributes(registry);
  layouts::add_track_times(registry);
  return registry;
}

}  // namespace daybook
