#pragma once

#include <string>
#include <vector>

#include "daybook/materializer/plan.h"

namespace daybook::detail {

// The storage that a dataset's own options ask for (Set::options), which are named and mean as the keywords of h5py's
// create_dataset. `notes` gets why one of them is not followed: unknown, wrong, or not for such a value.
Storage own_storage(const Reader& reader, const DatasetState& state, std::vector<std::string>& notes);

}  // namespace daybook::detail
