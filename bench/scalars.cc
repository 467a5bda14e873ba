// Table "scalars": 1000 scalars, journal → HDF5 file, beside h5py and a bare loop over HDF5's C calls that writes the same:
// the library's floor. "table": all in one table.

#include <string>
#include <vector>

#include "file.h"
#include "h5py.h"

namespace bench {
namespace {

constexpr int scalars = 1000;

double by_daybook(benchmark::State& state, const daybook::MaterializeOptions& options) {
  return materialized(state, options, [](daybook::Journal& journal) {
    for (int i = 0; i < scalars; ++i) journal.set("scalar." + std::to_string(i), 0.5 * i);
  });
}

// `times`: with HDF5's object times, as a program has that knows nothing of them. HDF5 takes a quarter less time for
// datasets with its default properties, but two files of the same values then differ.
double by_loop(benchmark::State& state, bool times) {
  std::vector<std::string> names;
  for (int i = 0; i < scalars; ++i) names.push_back("scalar." + std::to_string(i));
  return written_by_hdf5(state, [&](hid_t file) {
    const hid_t creation = times ? H5P_DEFAULT : H5Pcreate(H5P_DATASET_CREATE), space = H5Screate(H5S_SCALAR);
    if (!times) H5Pset_obj_track_times(creation, false);
    const hid_t group = H5Gcreate2(file, "datasets", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < scalars; ++i) {
      const double value = 0.5 * i;
      const auto& name = names[static_cast<std::size_t>(i)];
      const hid_t dataset = H5Dcreate2(group, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
      require(H5Dwrite(dataset, H5T_IEEE_F64LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0, "H5Dwrite");
      H5Dclose(dataset);
    }
    H5Gclose(group);
    H5Sclose(space);
    if (!times) H5Pclose(creation);
  });
}

}  // namespace

void add_scalars() {
  add("scalars/datasets/daybook", [](benchmark::State& state) { return by_daybook(state, {}); });
  add("scalars/table/daybook",
      [](benchmark::State& state) { return by_daybook(state, with_layout("scalars-as-table", {})); });
  add("scalars/datasets/loop", [](benchmark::State& state) { return by_loop(state, false); });
  add("scalars/datasets/loop_with_times", [](benchmark::State& state) { return by_loop(state, true); });
  add("scalars/datasets/h5py", [](benchmark::State&) {
    const Folder folder;
    return written_by_h5py("scalars_1000", folder / "run.h5");
  });
}

}  // namespace bench
