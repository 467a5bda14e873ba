#pragma once

// Journals to make files of, and what a program does instead that has its arrays in memory and calls HDF5 itself: like
// Daybook it writes beside the old file, syncs, and renames.
#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"
#include "harness.h"

namespace bench {

// Seconds until the finished run that `fill` records stands in its HDF5 file.
template <class Fill>
double materialized(benchmark::State& state, const daybook::MaterializeOptions& options, const Fill& fill) {
  const Folder folder;
  {
    daybook::JournalOptions keep;
    keep.history_bytes = daybook::unlimited_history;
    auto journal = daybook::Journal::create(folder / "run.daybook", run_info(), keep);
    fill(journal);
    journal.finish();
  }
  const daybook::Reader reader(folder / "run.daybook");
  const Stopwatch watch;
  const auto report = daybook::materialize(reader, folder / "run.h5", options);
  const double seconds = watch.seconds();
  require(report.refused.empty() && report.notes.empty(), "a dataset was refused");
  state.counters["file_bytes"] = static_cast<double>(report.bytes);
  return seconds;
}

inline daybook::MaterializeOptions with_layout(const std::string& transform, daybook::TransformOptions options,
                                               unsigned threads = 0) {
  daybook::MaterializeOptions made;
  made.threads = threads;
  made.layout.name = transform;
  made.layout.steps.push_back({transform, options, daybook::built_in_transforms().make(transform, options)});
  return made;
}

// Seconds for fill(hid_t file) and all around it. Like Daybook's files it has no object times.
template <class Fill>
double written_by_hdf5(benchmark::State& state, const Fill& fill) {
  const Folder folder;
  const auto path = folder / "run.h5";
  const std::string part = path.string() + ".part";
  const Stopwatch watch;
  const hid_t file = H5Fcreate(part.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  require(file >= 0, "H5Fcreate");
  fill(file);
  require(H5Fclose(file) >= 0, "H5Fclose");
  const int descriptor = ::open(part.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor >= 0 && ::fsync(descriptor) == 0, "fsync");
  ::close(descriptor);
  std::filesystem::rename(part, path);
  const int above = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require(above >= 0 && ::fsync(above) == 0, "fsync of the folder");
  ::close(above);
  const double seconds = watch.seconds();
  state.counters["file_bytes"] = static_cast<double>(std::filesystem::file_size(path));
  return seconds;
}

}  // namespace bench
