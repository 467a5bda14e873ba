#pragma once

#include "daybook/materializer/transform.h"

// Each puts one transform into the registry; docs/layouts/NAME.md says what it does.
namespace daybook::layouts {

void add_cast(TransformRegistry& registry);
void add_compress(TransformRegistry& registry);
void add_history(TransformRegistry& registry);
void add_merge_archive(TransformRegistry& registry);

}  // namespace daybook::layouts
