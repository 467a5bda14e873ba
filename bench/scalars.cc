// Many small datasets, journal → HDF5 file, beside a bare loop over HDF5's C calls that writes the same: the library's
// floor. Both have the file synced and in place.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"
#include "rivals.h"

namespace {

using namespace daybook;
namespace fs = std::filesystem;

constexpr int scalars = 1000;
const fs::path folder = "daybook-bench";

void scalars_1000_daybook(benchmark::State& state) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    RunInfo info;
    info.rid = 1;
    info.class_name = "Bench";
    auto journal = Journal::create(folder / "run.daybook", info);
    for (int i = 0; i < scalars; ++i) journal.set("scalar." + std::to_string(i), 0.5 * i);
    journal.finish();
  }
  const Reader reader(folder / "run.daybook");
  std::uint64_t bytes = 0;
  for (auto _ : state) bytes = materialize(reader, folder / "run.h5").bytes;
  state.counters["file_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(scalars_1000_daybook)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

// `times`: with HDF5's object times, as a program has that knows nothing of them. HDF5 takes a quarter less time for
// datasets with its default properties, but two files of the same values then differ.
void scalars_1000_bare_C(benchmark::State& state, bool times) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::vector<std::string> names;
  for (int i = 0; i < scalars; ++i) names.push_back("scalar." + std::to_string(i));
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    bytes = bench::written_by_hdf5(folder / "run.h5", [&](hid_t file) {
      const hid_t creation = times ? H5P_DEFAULT : H5Pcreate(H5P_DATASET_CREATE), space = H5Screate(H5S_SCALAR);
      if (!times) H5Pset_obj_track_times(creation, false);
      const hid_t group = H5Gcreate2(file, "datasets", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      for (int i = 0; i < scalars; ++i) {
        const double value = 0.5 * i;
        const auto& name = names[static_cast<std::size_t>(i)];
        const hid_t dataset =
            H5Dcreate2(group, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        bench::require(H5Dwrite(dataset, H5T_IEEE_F64LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0, "H5Dwrite");
        H5Dclose(dataset);
      }
      H5Gclose(group);
      H5Sclose(space);
      if (!times) H5Pclose(creation);
    });
  }
  state.counters["file_bytes"] = static_cast<double>(bytes);
}
BENCHMARK_CAPTURE(scalars_1000_bare_C, as_daybook, false)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scalars_1000_bare_C, defaults, true)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
