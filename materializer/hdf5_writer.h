#pragma once

#include <filesystem>
#include <functional>

#include "daybook/materializer/materialize.h"
#include "daybook/materializer/plan.h"

namespace daybook::detail {

struct Written {
  std::uint64_t datasets = 0;    // nodes that came from a dataset or archived value
  std::vector<Refusal> refused;  // in the plan's order; also nodes that the plan itself refuses
  std::vector<Refusal> notes;    // in the file, but not as the layout says
};

// Told after each block of a node: elements done of all.
using NodeProgress = std::function<void(const Node& node, std::uint64_t done, std::uint64_t total)>;

// Executes a settled plan: fills the empty file behind `descriptor`, which is `temporary`; messages speak
// of `target`. A node or an attribute that
// HDF5 or its value refuses costs only itself. StorageError when the disk does, CorruptError from the journal, and what
// `progress` throws: the file is then worthless.
Written write_hdf5(const Plan& plan, int descriptor, const std::filesystem::path& temporary,
                   const std::filesystem::path& target, const NodeProgress& progress);

}  // namespace daybook::detail
