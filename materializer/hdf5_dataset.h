#pragma once

#include <functional>
#include <string>

#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// Properties of a kind of object, without object times where it has them: they would make two files of one journal differ.
Hdf5Properties object_properties(hid_t cls);

// Where a dataset is to be made.
struct DatasetPlace {
  hid_t parent;             // group
  const std::string& name;  // in it
  hid_t link;               // link creation properties
  const std::string& path;  // for messages
};

// Makes and fills datasets of one file.
class DatasetWriter {
 public:
  using Progress = std::function<void(std::uint64_t done)>;  // elements; may be empty

  explicit DatasetWriter(Hdf5Types& types) : types_(types) {}

  // The dataset with all its elements, still open. Leaves nothing behind when it throws InvalidError (the value), Hdf5Error
  // or what `progress` throws.
  Hdf5Dataset write(const DatasetPlace& place, const StoredValue& value, const Storage& storage,
                    const Progress& progress);

 private:
  Hdf5Dataset create(const DatasetPlace& place, hid_t type, const StoredValue& value, hid_t creation) const;

  Hdf5Types& types_;
  Hdf5Properties contiguous_ = object_properties(H5P_DATASET_CREATE);
  Hdf5Space scalar_{H5Screate(H5S_SCALAR), "make a scalar dataspace"};
};

}  // namespace daybook::detail
