#pragma once

#include <string>
#include <vector>

#include "daybook/materializer/hdf5_handles.h"

namespace daybook::detail {

// A sentence for each difference between two open files; `expected` is the one that is right. Root attributes named
// daybook_… are left out.
std::vector<std::string> compare_hdf5(hid_t expected, hid_t found);

}  // namespace daybook::detail
