#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "daybook/journal/reader.h"

namespace daybook::python {

// A Reader that several Python threads may use: one at a time, the others waiting without the GIL.
class Snapshot {
 public:
  explicit Snapshot(Reader reader) : reader_(std::move(reader)) {}

  // Calls use(reader) without the GIL. InvalidError after close(). May be called again from within (a layout's callable
  // that looks into the run).
  template <class Use>
  auto with(const Use& use) {
    const pybind11::gil_scoped_release release;
    return with_held(use);
  }

  // The same for who has let go of the GIL already.
  template <class Use>
  auto with_held(const Use& use) {
    const std::lock_guard lock(mutex_);
    return use(open_reader());
  }

  void close() {
    const pybind11::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    reader_.reset();
  }

 private:
  Reader& open_reader();  // InvalidError

  std::recursive_mutex mutex_;
  std::optional<Reader> reader_;
};

}  // namespace daybook::python
