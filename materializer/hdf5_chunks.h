#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "daybook/materializer/chunk_codec.h"
#include "daybook/materializer/chunk_grid.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/worker_pool.h"

namespace daybook::detail {

// Writes the chunks of datasets: cut out, filtered by all cores, and handed to HDF5 in their order by the calling thread
// alone. The file does not depend on the number of threads. Memory is a few chunks a thread.
class ChunkWriter {
 public:
  explicit ChunkWriter(unsigned threads) : threads_(worker_count(threads)) {}

  struct Job {
    hid_t dataset;  // with nothing in it yet
    const StoredValue& value;
    Shape chunk;
    ChunkCodec codec;
    std::span<const std::byte> fill;  // one element; empty: zero
    const std::function<void(std::uint64_t)>& progress;
  };
  void write(Job job);

 private:
  struct Slot;
  class Run;
  std::size_t threads_;
  std::vector<ChunkCodec::Workspace> workspaces_;  // one a thread
  std::unique_ptr<WorkerPool> pool_;               // made when there is work for it
};

}  // namespace daybook::detail
