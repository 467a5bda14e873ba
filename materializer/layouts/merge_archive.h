#pragma once

#include "daybook/materializer/layout.h"

namespace daybook {

// "merge-archive": one group holds what ARTIQ puts into /datasets and /archive.
//
//   group        where to, default "datasets"; "/" is the root
//   on-conflict  where a key is both a dataset of the run and an archived value, which one is kept: "datasets" (the
//                default: the run's own, newer value), "archive", or "error": no file is written, the message names
//                the paths
Transform make_merge_archive(const TransformOptions& options);

}  // namespace daybook
