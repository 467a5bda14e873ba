#pragma once

#include "daybook/materializer/plan.h"

namespace daybook::detail {

// InvalidError for what HDF5 would not take: a user block of another size than 0 or a power of two from 512, too small for
// its text, or library versions in the wrong order.
void check_file_properties(const FileProperties& file);

}  // namespace daybook::detail
