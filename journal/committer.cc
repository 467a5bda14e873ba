#include "daybook/journal/committer.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <new>
#include <system_error>

#include "daybook/journal/commit.h"
#include "daybook/journal/crash_point.h"
#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

// One transaction's worth: LMDB holds a transaction's pages in memory until it commits.
constexpr std::uint64_t max_batch_bytes = std::uint64_t{4} << 20;
// So many commits apart, slots of readers that died are freed; it asks the system once for each process that reads.
constexpr std::uint64_t reader_check_interval = 512;
// So many intervals may pass before events are committed that a sync() has made durable.
constexpr int synced_intervals = 10;
// How far ahead of the head pages are made ready: twice as far each time it has caught up half of that. What is ready counts
// as written when the intake is synced, so it is not all of them at once.
constexpr std::uint64_t least_ahead = std::uint64_t{256} << 10;
constexpr std::uint64_t most_ahead = std::uint64_t{4} << 20;
// While the disk is full, how often a commit is tried again.
constexpr std::chrono::milliseconds retry_interval{200};

}  // namespace

Committer::Committer(std::shared_ptr<Store> store, Intake intake, const StoredState& state,
                     const JournalOptions& options, Clock& clock)
    : store_(std::move(store)),
      intake_(std::move(intake)),
      options_(options),
      retention_(*store_, options.history_bytes),
      clock_(clock),
      head_place_(state.intake_position % intake_.capacity()),
      head_(state.intake_position),
      tail_(state.intake_position),
      prepared_(head_),
      prepare_at_(head_),
      ahead_(least_ahead),
      lap_end_(head_ + intake_.capacity()),
      free_(0),
      last_(state.last),
      state_(state) {
  statistics_.last = statistics_.committed = state.last;
  tell_free();
}

Committer::~Committer() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
    stopped_ = true;  // without draining
    work_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Committer::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& e) {
    throw_errno("starting the thread that commits to '" + store_->path().string() + "'", e.code().value());
  }
}

void Committer::throw_if_broken(const Order& order) const {
  if (!order.owns_lock()) throw InvalidError("the journal's order is not held");
  if (broken_) std::rethrow_exception(failure_);
  if (stop_) throw InvalidError("the journal '" + store_->path().string() + "' is closed");
}

void Committer::wait_for_room(Order& order, std::uint64_t record_bytes) {
  throw_if_broken(order);
  const auto room = [&] { return !direct_begun_ && pending() + framed(record_bytes) <= intake_.capacity(); };
  if (room()) return;
  ++statistics_.waits;
  const auto begun = std::chrono::steady_clock::now();
  auto deadline = begun + options_.full_timeout;
  auto commits = statistics_.commits;
  while (!room()) {
    urgent_ = true;
    work_.notify_one();
    const auto attempts = attempts_;
    const bool failing = failure_ != nullptr;
    const auto status = progress_.wait_until(order, deadline);
    throw_if_broken(order);
    if (commits != statistics_.commits) {
      commits = statistics_.commits;
      deadline = std::chrono::steady_clock::now() + options_.full_timeout;
    } else if (failing && failure_ != nullptr && attempts != attempts_ && !room()) {
      std::rethrow_exception(failure_);  // full, and a fresh attempt to make room has failed as well
    } else if (status == std::cv_status::timeout && !room()) {
      throw StorageError("journal '" + store_->path().string() + "': its intake has been full for " +
                         std::to_string(options_.full_timeout.count()) +
                         " ms without a commit coming through: is the disk stuck?");
    }
  }
  statistics_.waited += std::chrono::steady_clock::now() - begun;
}

void Committer::publish(const Order& /*held*/, std::uint64_t record_bytes, Sequence sequence) {
  const auto end = head_place_ + framed(record_bytes);
  const bool wraps = end > intake_.capacity();
  crash_point(wraps ? "wrap.before" : "publish.before");
  // The record before its position: whoever finds the frame whole finds the record whole. (A process that dies leaves
  // what it had stored, in the order in which it did.)
  std::atomic_ref(*reinterpret_cast<std::uint64_t*>(intake_.ring() + head_place_))
      .store(head_, std::memory_order_release);
  crash_point(wraps ? "wrap.after" : "publish.after");
  head_ += framed(record_bytes);
  head_place_ = end < intake_.capacity() ? end : end - intake_.capacity();
  tell_free();
  last_ = sequence;
  const bool batch_is_large = pending() >= std::min(intake_.capacity() / 4, max_batch_bytes);
  if (idle_ || (batch_is_large && !urgent_) || (wants_pages() && !pages_wanted_)) {
    pages_wanted_ = wants_pages();
    urgent_ = urgent_ || batch_is_large;
    idle_ = false;
    work_.notify_one();
  }
}

void Committer::tell_free() {
  const auto largest = intake_.capacity() / 4;
  const auto free = direct_begun_ ? 0 : std::min(intake_.capacity() - pending(), largest);
  free_.store(free > intake_frame_bytes ? free - intake_frame_bytes : 0, std::memory_order_relaxed);
}

void Committer::begin_direct(Order& order) {
  throw_if_broken(order);
  progress_.wait(order, [this] { return !direct_begun_; });
  direct_begun_ = true;
  tell_free();
  try {
    while (pending() != 0) {
      urgent_ = true;
      idle_ = false;
      work_.notify_one();
      const auto attempts = attempts_;
      progress_.wait(order, [&] { return attempts != attempts_ || pending() == 0 || broken_ || stop_; });
      throw_if_broken(order);
      if (pending() != 0 && failure_ != nullptr) std::rethrow_exception(failure_);
    }
  } catch (...) {
    abandon_direct(order);
    throw;
  }
}

void Committer::abandon_direct(const Order& /*held*/) {
  direct_begun_ = false;
  tell_free();
  progress_.notify_all();
}

void Committer::commit_direct(Order& order, const RecordHeader& header, std::span<const std::byte> message,
                              std::span<const std::span<const std::byte>> payload, std::uint64_t* first_hash) {
  const Direct direct{&header, message, payload, first_hash};
  crash_point("direct.before");
  direct_ = &direct;
  idle_ = false;
  work_.notify_one();
  progress_.wait(order, [&] { return direct_ != &direct; });
  direct_begun_ = false;
  tell_free();
  progress_.notify_all();
  crash_point("direct.after");
  if (state_.last != header.sequence) std::rethrow_exception(failure_);
  last_ = header.sequence;
}

void Committer::prepare_pages(Order& order) {
  const auto from = std::max(prepared_, head_);
  const auto to = std::min(head_ + ahead_, lap_end_);
  prepared_ = std::max(from, to);
  prepare_at_ = prepared_ < lap_end_ ? prepared_ - ahead_ / 2 : ~std::uint64_t{0};
  ahead_ = std::min(2 * ahead_, most_ahead);
  pages_wanted_ = false;
  if (from >= to) return;
  order.unlock();
  intake_.prepare(from, to - from);
  order.lock();
}

template <class Called>
bool Committer::wait_until(Order& order, std::chrono::steady_clock::time_point due, const Called& called) {
  while (true) {
    const bool woken = work_.wait_until(order, due, [&] { return called() || wants_pages(); });
    if (!woken || called()) return called();
    prepare_pages(order);
  }
}

namespace {

// Of the calling thread: when it wakes up on a core where an append is going on, it waits for its turn there, where it would
// have that for itself for some milliseconds. Its share of time stays what it is.
void yield_to_appends() {
  const sched_param parameters{};
  if (::sched_getscheduler(0) == SCHED_OTHER) ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters);
}

}  // namespace

void Committer::run() {
  yield_to_appends();
  Order order(mutex_);
  prepare_pages(order);
  while (!stopped_) {
    if (!has_work() && direct_ == nullptr) {
      if (stop_) {
        stopped_ = true;
        break;
      }
      idle_ = true;
      urgent_ = false;  // whoever was in a hurry has been served
      work_.wait(order, [this] { return !idle_ || stop_ || direct_ != nullptr; });
      idle_ = false;
    }
    // The first event of a batch is here: let others join it until the interval has passed.
    const auto due =
        std::chrono::steady_clock::now() + (failure_ != nullptr ? retry_interval : options_.commit_interval);
    const auto called = [this] { return urgent_ || stop_ || stopped_ || direct_ != nullptr; };
    bool now = wait_until(order, due, called);
    // Who syncs after each event has the disk to himself: what is durable in the intake can wait for a larger batch.
    // Anything newer is seen here within an interval.
    for (int i = 1; !now && i < synced_intervals && pending() != 0 && synced_ >= head_ && failure_ == nullptr; ++i)
      now = wait_until(order, due + i * options_.commit_interval, called);
    if (stopped_) break;
    clock_.refresh();
    if (broken_) {
      direct_ = nullptr;
      ++attempts_;
      progress_.notify_all();
      if (stop_) break;
      urgent_ = false;
      work_.wait(order, [this] { return stop_ || direct_ != nullptr || urgent_; });
      continue;
    }
    if (direct_ != nullptr && pending() == 0) {
      commit_one(order, *direct_);
      direct_ = nullptr;
    } else {
      urgent_ = false;
      commit_batch(order);
      if (stop_ && failure_ != nullptr) break;  // stop() reports it; the intake keeps what is left
    }
    ++attempts_;
    progress_.notify_all();
  }
  stopped_ = true;
  progress_.notify_all();
}

namespace {

// Does the work of one transaction outside the order, growing the map as needed.
template <class Fill>
StoredState transact(Store& store, Retention& retention, const Fill& fill) {
  while (true) {
    try {
      Commit commit(store, retention);
      crash_point("batch.before");
      StoredState state = fill(commit);
      if (commit.run_ended()) state.phase = Phase::finished;
      crash_point("commit.before");
      commit.commit(state);
      crash_point("commit.after");
      return state;
    } catch (const MapFull&) {
      crash_point("grow.before");
      store.grow();
      crash_point("grow.after");
    }
  }
}

// ENOSPC and its like leave LMDB as it was and may be over the next time. Any other failure of a write or sync means that
// nobody knows what is on the disk (a failed fsync may succeed when repeated, and lie).
bool may_be_retried(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const FullError&) {
    return true;
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

// What everybody is told from then on. Out of memory in here, it stays as it was.
std::exception_ptr final_failure(std::exception_ptr failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const StorageError& e) {
    try {
      return std::make_exception_ptr(
          StorageError(std::string(e.what()) + ": nothing more is recorded: open the journal anew"));
    } catch (const std::bad_alloc&) {
      return failure;
    }
  } catch (...) {
    return failure;
  }
}

}  // namespace

void Committer::commit_batch(Order& order) {
  const auto from = tail_;
  const auto to = head_;
  const auto fill = [&](Commit& commit, StoredState state) {
    auto position = from;
    while (position < to && position - from < max_batch_bytes) {
      const auto record = trusted_record(intake_.at(position + intake_frame_bytes));
      commit.add(record);
      position += framed(record.bytes.size());
      state.last = record.header.sequence;
    }
    state.intake_position = position;
    return state;
  };
  attempt(order, std::ref(fill));  // which takes no memory: nothing may fail out here
  tail_ = state_.intake_position;
  tell_free();
  crash_point("batch.after");
  if (pending() >= max_batch_bytes) urgent_ = true;
}

void Committer::commit_one(Order& order, const Direct& direct) {
  const auto fill = [&](Commit& commit, StoredState state) {
    commit.add(*direct.header, direct.message, direct.payload, direct.first_hash);
    state.last = direct.header->sequence;
    return state;
  };
  attempt(order, std::ref(fill));
}

void Committer::attempt(Order& order, const std::function<StoredState(Commit&, StoredState)>& fill) {
  const auto before = state_;
  const bool look_for_dead = statistics_.commits % reader_check_interval == reader_check_interval - 1;
  auto after = before;
  std::exception_ptr failure;
  order.unlock();
  try {
    if (look_for_dead) store_->forget_dead_readers();
    after = transact(*store_, retention_, [&](Commit& commit) { return fill(commit, before); });
  } catch (...) {
    failure = std::current_exception();
  }
  order.lock();
  if (failure != nullptr) {
    record_failure(order, failure, !may_be_retried(failure));
    return;
  }
  state_ = after;
  failure_ = nullptr;
  ++statistics_.commits;
}

void Committer::record_failure(const Order& /*held*/, std::exception_ptr failure, bool final) {
  failure_ = final ? final_failure(std::move(failure)) : std::move(failure);
  broken_ = broken_ || final;
}

void Committer::sync() {
  Order order(mutex_);
  throw_if_broken(order);
  const auto target = head_;
  if (tail_ >= target || synced_ >= target) return;
  order.unlock();
  try {
    crash_point("sync.before");
    intake_.sync();
    crash_point("sync.after");
  } catch (const StorageError&) {
    order.lock();
    record_failure(order, std::current_exception(), true);
    std::rethrow_exception(failure_);
  }
  order.lock();
  synced_ = std::max(synced_, target);
}

void Committer::commit() {
  Order order(mutex_);
  throw_if_broken(order);
  const auto target = head_;
  while (tail_ < target) {
    urgent_ = true;
    idle_ = false;
    work_.notify_one();
    const auto attempts = attempts_;
    // Not stop_: whoever closes the journal meanwhile commits what is in the intake first.
    progress_.wait(order, [&] { return tail_ >= target || attempts != attempts_ || broken_ || stopped_; });
    if (tail_ >= target) return;
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (stopped_) throw_if_broken(order);
  }
}

void Committer::stop() {
  {
    Order order(mutex_);
    if (stop_) return;
    progress_.wait(order, [this] { return !direct_begun_; });
    stop_ = true;
    work_.notify_all();
    progress_.wait(order, [this] { return stopped_; });
  }
  if (thread_.joinable()) thread_.join();
  const Order order(mutex_);
  if (pending() != 0) std::rethrow_exception(failure_);
}

JournalStatistics Committer::statistics() const {
  const std::lock_guard guard(mutex_);
  auto statistics = statistics_;
  statistics.last = last_;
  statistics.committed = state_.last;
  statistics.superseded = state_.superseded;
  return statistics;
}

StoredState Committer::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

}  // namespace daybook::detail
