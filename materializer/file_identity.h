#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daybook/journal/event.h"
#include "daybook/materializer/hdf5_handles.h"

namespace daybook::detail {

// What a results file says of itself in its root attributes daybook_…: empty what it does not say.
struct FileIdentity {
  std::optional<std::string> journal;  // the run's UUID
  std::optional<Sequence> event;       // as of which it was made
  bool complete = false;               // the run had ended, and all of it is there
  std::optional<std::string> layout, layout_digest, layout_text;
  std::optional<std::string> layout_failure;  // why it is not the layout that was wanted
};

// For reading. UnsupportedError: no HDF5 file. StorageError: it is not there, cannot be read, or is cut short.
Hdf5File open_results(const std::filesystem::path& file);

FileIdentity read_identity(hid_t file);

}  // namespace daybook::detail
