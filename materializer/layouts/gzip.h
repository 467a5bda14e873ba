#pragma once

#include "daybook/materializer/layout.h"

namespace daybook {

// "gzip": arrays are kept in compressed chunks, which every HDF5 reader understands. Scalars, empty arrays,
// variable-length strings and other variable-length elements stay as they are. No value changes.
//
//   level      0 … 9, default 4
//   shuffle    default true: bytes of like significance first, which makes numbers compress better
//   min-bytes  default 4096: smaller arrays gain nothing by it
//   keys       globs of dataset keys, default all
Transform make_gzip(const TransformOptions& options);

}  // namespace daybook
