#include "daybook/materializer/layouts/built_in.h"

namespace daybook {

TransformRegistry built_in_transforms() {
  TransformRegistry registry;
  layouts::add_cast(registry);
  layouts::add_compress(registry);
  layouts::add_history(registry);
  layouts::add_merge_archive(registry);
  return registry;
}

}  // namespace daybook
