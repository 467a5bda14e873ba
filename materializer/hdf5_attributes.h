#pragma once

#include <string>
#include <unordered_set>

#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// Which objects will have attributes that an old object header is not made for: one that is larger than it can hold
// (64 KiB), or so many that finding one takes long. They get a header of HDF5 1.8, which keeps such attributes elsewhere
// ("dense"). That has to be known when the object is made.
class AttributeLoad {
 public:
  explicit AttributeLoad(const Plan& plan);

  [[nodiscard]] bool is_heavy(const std::string& path) const { return !heavy_.empty() && heavy_.contains(path); }
  [[nodiscard]] static bool is_heavy(const std::vector<std::pair<std::string, Value>>& attributes);

 private:
  std::unordered_set<std::string> heavy_;
};

// Leaves nothing behind when it throws: InvalidError for a name or value that HDF5 cannot hold, Hdf5Error.
void write_attribute(hid_t object, const std::string& name, const StoredValue& value, Hdf5Types& types);

}  // namespace daybook::detail
