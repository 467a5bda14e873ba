#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/reader.h"
#include "keep.h"

namespace daybook::python {

// A Keep of this thread, from to_value() until the journal call has returned. Calls may nest: converting a value can run
// Python code that journals something, too.
class KeepLease {
 public:
  KeepLease();
  KeepLease(const KeepLease&) = delete;
  KeepLease& operator=(const KeepLease&) = delete;
  ~KeepLease();  // needs the GIL
  Keep& operator*() const { return *keep_; }

 private:
  std::unique_ptr<Keep> keep_;
};

// os.fspath(): bytes or str. TypeError.
std::filesystem::path to_path(const pybind11::object& path);
pybind11::str from_path(const std::filesystem::path& path);

// {"unit": "MHz", …}. The names borrow from the dictionary.
std::vector<Attribute> to_attributes(const pybind11::dict& attributes, Keep& keep);

pybind11::dict from_run_info(const RunInfo& info);

// ("running" | "finished" | "crashed")
const char* phase_name(Phase phase);

}  // namespace daybook::python
