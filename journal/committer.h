#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "daybook/journal/clock.h"
#include "daybook/journal/intake.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/retention.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

class Commit;

// The thread that moves records from the intake into LMDB, and the order in which appenders get into the intake.
//
// Appenders hold an Order (one lock) from the moment they ask for room until they publish: so sequence numbers, places
// in the ring and times all grow together. LMDB write transactions stay on the committer's thread.
class Committer {
 public:
  using Order = std::unique_lock<std::mutex>;

  Committer(std::shared_ptr<Store> store, Intake intake, const StoredState& state, const JournalOptions& options,
            Clock& clock);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer();  // abandons: what is in the intake stays there, for recovery
  void start();

  [[nodiscard]] Order order() { return Order(mutex_); }
  // Whether a record of so many bytes can be placed at once.
  [[nodiscard]] bool has_room(std::uint64_t record_bytes) const {
    return !broken_ && !stop_ && !direct_begun_ && pending() + framed(record_bytes) <= intake_.capacity();
  }
  // Waits until a record of so many bytes fits; then nothing else gets in until the order is given up. Throws
  // StorageError when it cannot be hoped for, InvalidError after stop().
  void wait_for_room(Order& order, std::uint64_t record_bytes);
  // Where the record goes after wait_for_room.
  [[nodiscard]] std::byte* place() { return intake_.ring() + head_place_ + intake_frame_bytes; }
  // The record at place() is complete.
  void publish(const Order& order, std::uint64_t record_bytes, Sequence sequence);

  // For records too large for the ring: waits until nobody is before us, keeps others out until the record is durable in
  // LMDB. begin_direct … commit_direct or abandon_direct.
  [[nodiscard]] bool fits_intake(std::uint64_t record_bytes) const {
    return framed(record_bytes) <= intake_.capacity() / 4;
  }
  void begin_direct(Order& order);
  // `first_hash` as for copy_and_hash().
  void commit_direct(Order& order, const RecordHeader& header, std::span<const std::byte> message,
                     std::span<const std::span<const std::byte>> payload, std::uint64_t* first_hash);
  void abandon_direct(const Order& order);

  // Everything published before is durable when it returns.
  void sync();
  // Everything published before is durable in LMDB when it returns, and readers see it. Throws what the attempt to commit
  // failed with.
  void commit();
  // So many bytes of a record go into the intake at once, as things are: a hint, from any thread, without a lock.
  [[nodiscard]] std::uint64_t free_bytes() const { return free_.load(std::memory_order_relaxed); }
  // Commits all that is in the intake and ends the thread. StorageError if that cannot be done: what is left stays in
  // the intake, for recovery. Idempotent.
  void stop();

  [[nodiscard]] JournalStatistics statistics() const;
  [[nodiscard]] StoredState state() const;

 private:
  struct Direct {
    const RecordHeader* header;
    std::span<const std::byte> message;
    std::span<const std::span<const std::byte>> payload;
    std::uint64_t* first_hash;
  };
  void run();
  void commit_batch(Order& order);
  void commit_one(Order& order, const Direct& direct);
  // One transaction outside the order; `fill` adds its records to it and says how the state is then.
  void attempt(Order& order, const std::function<StoredState(Commit&, StoredState)>& fill);
  void record_failure(const Order& order, std::exception_ptr failure, bool final);
  void throw_if_broken(const Order& order) const;
  [[nodiscard]] std::uint64_t pending() const { return head_ - tail_; }
  void tell_free();  // after each change of what it depends on
  // In its first lap the intake's pages are made ready some way ahead of the head.
  [[nodiscard]] bool wants_pages() const { return head_ > prepare_at_; }
  void prepare_pages(Order& order);
  // As work_.wait_until(), and prepares pages meanwhile.
  template <class Called>
  bool wait_until(Order& order, std::chrono::steady_clock::time_point due, const Called& called);
  // There is work for a transaction: events, or superseded payloads that no event has to come for.
  [[nodiscard]] bool has_work() const { return pending() != 0 || retention_.is_behind(state_); }

  const std::shared_ptr<Store> store_;
  Intake intake_;
  const JournalOptions options_;
  Retention retention_;  // of the committer's thread
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable work_;      // for the committer
  std::condition_variable progress_;  // for those who wait for it
  std::uint64_t head_place_;          // head_ modulo the ring
  std::uint64_t head_;                // positions in the intake: behind the newest record …
  std::uint64_t tail_;                // … and behind the newest that is durable in LMDB
  std::uint64_t synced_ = 0;          // … and behind what a sync() has made durable where it is
  std::uint64_t prepared_;            // … and behind the pages that are ready
  std::uint64_t prepare_at_;          // head_ beyond this wants more of them
  std::uint64_t ahead_;               // so many bytes at once
  const std::uint64_t lap_end_;       // of the first lap
  std::atomic<std::uint64_t> free_;   // free_bytes(): larger records go straight to LMDB, so it ends where those begin
  Sequence last_;                     // newest published
  StoredState state_;                 // as committed
  const Direct* direct_ = nullptr;
  bool direct_begun_ = false;
  bool idle_ = false;
  bool urgent_ = false;        // do not wait for the interval to pass
  bool pages_wanted_ = false;  // the thread has been told
  bool stop_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;  // of the last attempt; cleared by the next good one
  bool broken_ = false;         // a sync failed: nothing more is written
  std::uint64_t attempts_ = 0;
  JournalStatistics statistics_;
  std::thread thread_;
};

}  // namespace daybook::detail
