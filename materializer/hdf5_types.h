#pragma once

#include <vector>

#include "daybook/journal/type.h"
#include "daybook/materializer/hdf5_handles.h"

namespace daybook::detail {

// The HDF5 type that h5py would write for a type. InvalidError for one that HDF5 cannot hold.
Hdf5Type make_hdf5_type(const Type& type);

// The same, remembered.
class Hdf5Types {
 public:
  hid_t get(const Type& type);  // valid until the next call

 private:
  std::vector<std::pair<Type, Hdf5Type>> known_;
};

}  // namespace daybook::detail
