#pragma once

// What the files that implement Capture share: how a call is kept from harming the experiment, and how one gives the GIL up.

#include <pybind11/pybind11.h>

#include <exception>
#include <memory>

#include "capture.h"
#include "daybook/journal/error.h"

namespace daybook::python {

// What a call's Value borrows from; kept by Capture from call to call so that the steady state allocates nothing, unless
// another thread is in the middle of a call.
class Capture::Guard {
 public:
  explicit Guard(Capture& capture) : capture_(capture), shared_(!capture.keep_taken_) {
    if (shared_) capture_.keep_taken_ = true;
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() {
    get().clear();
    if (shared_) capture_.keep_taken_ = false;
  }
  [[nodiscard]] Keep& get() const { return shared_ ? capture_.keep_ : own_; }

 private:
  Capture& capture_;
  const bool shared_;
  mutable Keep own_;
};

template <class Work>
void Capture::guarded(const Work& work) noexcept {
  try {
    work();
    if (PyErr_Occurred() == nullptr) return;
    const pybind11::error_already_set error;  // takes it away
    stop(error.what());
  } catch (const std::exception& e) {
    if (PyErr_Occurred() != nullptr) PyErr_Clear();
    stop(e.what());
  }
}

template <class Append>
bool Capture::submit(std::uint64_t bytes, const Append& append) {
  constexpr std::uint64_t large = std::uint64_t{1} << 20;
  constexpr std::uint64_t spare = std::uint64_t{64} << 10;
  if (!journal_) return false;
  try {
    if (bytes < large && journal_->free_intake_bytes() > bytes + spare) {
      append(*journal_);
    } else {  // it may have to wait for the disk
      const std::shared_ptr<Journal> journal = journal_;
      const pybind11::gil_scoped_release release;
      append(*journal);
    }
    return true;
  } catch (const StorageError& e) {
    stop(e.what());
    return false;
  }
}

template <class Append>
bool Capture::submit_to(std::string_view key, Live& live, std::uint64_t bytes, const Append& append) {
  if (!journal_) return false;
  if (live.dataset_generation != generation_) {
    // A key of a journal that was left may have to be looked up on the disk.
    if (!submit(0, [&](Journal& journal) { live.dataset.emplace(journal.dataset(key)); })) return false;
    live.dataset_generation = generation_;
  }
  return submit(bytes, [dataset = *live.dataset, &append](Journal& /*held*/) { append(dataset); });
}

// Calls use(number) for a number that is journaled as one of C++'s; false: it is none.
template <class Use>
bool with_number(PyObject* object, const Use& use) {
  if (PyFloat_CheckExact(object)) return use(PyFloat_AS_DOUBLE(object)), true;
  if (PyBool_Check(object)) return use(object == Py_True), true;
  if (!PyLong_CheckExact(object)) return false;
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow != 0) return false;
  return use(static_cast<std::int64_t>(number)), true;
}

}  // namespace daybook::python
