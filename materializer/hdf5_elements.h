#pragma once

#include <functional>

#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// A chunk of at most `target` bytes (or one element) that is one stretch of the array in C order, so that writing block by block fills whole
// chunks; never larger than the array. Chunks along the cut dimension are of like size. `shape` has elements.
Shape choose_chunk(const Shape& shape, std::uint32_t element_size, std::uint64_t target);

// The dataspace h5py would write; `extendible`: without an end in any dimension.
Hdf5Space make_space(const StoredValue& value, bool extendible = false);

// Bytes of all elements; for variable-length ones what the pointers take.
std::uint64_t stored_bytes(const StoredValue& value);

// Writes all elements, block by block. The memory type is the file type, so no bit is converted. `chunk` is empty for a
// contiguous dataset. `progress` (may be empty) is called with the elements written so far.
void write_elements(hid_t dataset, hid_t type, const StoredValue& value, const Shape& chunk,
                    const std::function<void(std::uint64_t)>& progress);
void write_elements_of_attribute(hid_t attribute, hid_t type, const StoredValue& value);

}  // namespace daybook::detail
