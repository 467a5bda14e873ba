#include "daybook/materializer/layout.h"
#include "daybook/materializer/layouts/gzip.h"
#include "daybook/materializer/layouts/merge_archive.h"

namespace daybook {

TransformRegistry built_in_transforms() {
  TransformRegistry registry;
  registry.add("gzip", make_gzip);
  registry.add("merge-archive", make_merge_archive);
  return registry;
}

}  // namespace daybook
