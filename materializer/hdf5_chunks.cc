#include "daybook/materializer/hdf5_chunks.h"

#include <algorithm>
#include <exception>

namespace daybook::detail {
namespace {

constexpr std::size_t slots_per_thread = 3;
constexpr std::uint64_t worth_samples = 32;  // chunks: so that looking at some costs little beside all
constexpr std::uint64_t large_chunk = std::uint64_t{64} << 20;  // of these a thread has only one

void adapt_codec(ChunkWriter::Job& job, const ChunkGrid& grid, WorkerPool* pool) {
  std::vector<std::vector<std::byte>> samples;
  for (const std::uint64_t index : {std::uint64_t{0}, grid.count() / 2, grid.count() - 1}) {
    samples.emplace_back(grid.chunk_bytes());
    grid.gather(index, *job.value.elements, job.fill, samples.back().data());
  }
  job.codec.adapt(std::vector<std::span<const std::byte>>(samples.begin(), samples.end()), pool);
}

}  // namespace

// A chunk on its way.
struct ChunkWriter::Slot {
  Buffer raw, out;
  const std::byte* from = nullptr;  // the chunk's bytes, if they stand somewhere already
  std::uint64_t index = 0;
  ChunkCodec::Encoded encoded;
  std::exception_ptr failed;
  bool done = false;
};

// One dataset.
class ChunkWriter::Run {
 public:
  Run(const Job& job, WorkerPool* pool, std::vector<ChunkCodec::Workspace>& workspaces)
      : job_(job),
        grid_(job.value.shape, job.chunk, job.value.type.size()),
        array_(job.value.elements->data()),
        pool_(pool),
        workspaces_(workspaces) {
    std::size_t slots = 1;
    if (pool_ != nullptr) slots = pool_->size() * (grid_.chunk_bytes() > large_chunk ? 1 : slots_per_thread);
    slots_.resize(slots);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {  // workers use this object: wait, whatever happened
    for (; written_ < begun_; ++written_) wait(slot(written_));
  }

  void all() {
    for (; begun_ < grid_.count();) {
      if (begun_ - written_ == slots_.size()) write_oldest();
      begin(slot(begun_));
    }
    while (written_ < begun_) write_oldest();
  }

 private:
  Slot& slot(std::uint64_t index) { return slots_[index % slots_.size()]; }

  void begin(Slot& slot) {
    slot.index = begun_;
    slot.done = false;
    slot.failed = nullptr;
    slot.from = nullptr;
    if (array_ == nullptr && !job_.value.elements->is_concurrent()) {  // only this thread may ask for elements
      std::byte* raw = slot.raw.reserve(grid_.chunk_bytes());
      grid_.gather(slot.index, *job_.value.elements, job_.fill, raw);
      slot.from = raw;
    }
    if (pool_ == nullptr) {
      encode(slot, workspaces_.front());
      slot.done = true;
    } else {
      pool_->add([this, &slot](std::size_t worker) {
        encode(slot, workspaces_[worker]);
        const std::lock_guard lock(mutex_);
        slot.done = true;
        changed_.notify_one();
      });
    }
    ++begun_;  // from here on it has to be waited for
  }

  void encode(Slot& slot, ChunkCodec::Workspace& workspace) const noexcept {
    try {
      const std::byte* from = slot.from;
      if (from == nullptr && array_ != nullptr) from = grid_.in_place(slot.index, array_);
      if (from == nullptr) {
        std::byte* raw = slot.raw.reserve(grid_.chunk_bytes());
        if (array_ != nullptr)
          grid_.gather(slot.index, array_, job_.fill, raw);
        else
          grid_.gather(slot.index, *job_.value.elements, job_.fill, raw);
        from = raw;
      }
      slot.encoded = job_.codec.encode({from, grid_.chunk_bytes()}, workspace, slot.out);
    } catch (...) {
      slot.failed = std::current_exception();
    }
  }

  void wait(Slot& slot) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return slot.done; });
  }

  void write_oldest() {
    Slot& oldest = slot(written_);
    wait(oldest);
    ++written_;
    if (oldest.failed) std::rethrow_exception(oldest.failed);
    const Shape at = grid_.offset(oldest.index);
    const std::vector<hsize_t> offset(at.begin(), at.end());
    check_hdf5(H5Dwrite_chunk(job_.dataset, H5P_DEFAULT, oldest.encoded.filter_mask, offset.data(),
                              oldest.encoded.bytes.size(), oldest.encoded.bytes.data()),
               "write a chunk");
    elements_ += grid_.elements(oldest.index);
    if (job_.progress) job_.progress(elements_);
  }

  const Job& job_;
  ChunkGrid grid_;
  const std::byte* array_;
  WorkerPool* pool_;
  std::vector<ChunkCodec::Workspace>& workspaces_;
  std::vector<Slot> slots_;
  std::uint64_t begun_ = 0, written_ = 0, elements_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

void ChunkWriter::write(Job job) {
  const ChunkGrid grid(job.value.shape, job.chunk, job.value.type.size());
  const bool alone = threads_ == 1 || grid.count() == 1;
  if (!alone && pool_ == nullptr) pool_ = std::make_unique<WorkerPool>(threads_);
  if (job.codec.compresses() && grid.count() >= worth_samples) adapt_codec(job, grid, alone ? nullptr : pool_.get());
  workspaces_.resize(std::max<std::size_t>(workspaces_.size(), alone ? 1 : threads_));
  Run(job, alone ? nullptr : pool_.get(), workspaces_).all();
}

}  // namespace daybook::detail
