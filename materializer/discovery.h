#pragma once

#include "daybook/materializer/list_fold.h"

namespace daybook::detail {

struct ArrayType {
  Type type;
  Shape shape;
};

// What h5py makes of a list: variable-length strings if all leaves are str, or all bytes; otherwise what numpy.asarray
// finds, which promotes the leaves' types in the order in which they stand. InvalidError for ragged lists, for mixtures
// with str, and for all that would become an array of Python objects.
ArrayType discover_list(const ListFold& items);

// The same for an object array: HDF5 can have it if all items are str, or all are bytes.
ArrayType discover_objects(const ListFold& items, const Shape& shape);

// InvalidError for types that HDF5 does not have: opaque and compound ones without a single byte.
void check_storable(const Type& type);

}  // namespace daybook::detail
