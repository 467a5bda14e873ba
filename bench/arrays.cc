// One large array, journal → HDF5 file, beside H5Dwrite of the same array with the same chunks and filters. Each pair
// stands together; both have the file synced and in place.

#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"
#include "rivals.h"

namespace {

using namespace daybook;
namespace fs = std::filesystem;

const Shape shape = {100, 512, 512};
const std::size_t count = 100UL * 512 * 512;
const fs::path folder = "daybook-bench";

// A bright spot on a dark ground, as a camera counts it.
std::vector<std::uint16_t> camera() {
  std::mt19937_64 random(1);
  std::vector<std::uint16_t> counts(count);
  std::poisson_distribution<int> dark(100);
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i % 512) - 256, y = static_cast<double>(i / 512 % 512) - 200;
    const double spot = 2000 * std::exp(-(x * x + y * y) / 800);
    counts[i] =
        static_cast<std::uint16_t>(spot > 1 ? std::poisson_distribution<int>(100 + spot)(random) : dark(random));
  }
  return counts;
}

std::vector<double> noise() {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> numbers(count);
  for (double& number : numbers) number = normal(random);
  return numbers;
}

std::vector<double> smooth() {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(i);
    numbers[i] = std::sin(x * 1e-4) + 0.3 * std::cos(x * 3e-3);
  }
  return numbers;
}

Layout compressed(int level) {
  Layout layout;
  layout.name = "compressed";
  const TransformOptions options = {{"level", level}};
  layout.steps.push_back({"compress", options, built_in_transforms().make("compress", options)});
  return layout;
}

template <class T>
void by_daybook(benchmark::State& state, const std::vector<T>& array, int level) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    RunInfo info;
    info.rid = 1;
    info.class_name = "Bench";
    auto journal = Journal::create(folder / "run.daybook", info);
    journal.set("array", Value::array(array.data(), shape));
    journal.finish();
  }
  const Reader reader(folder / "run.daybook");
  MaterializeOptions options;
  if (level >= 0) options.layout = compressed(level);
  std::uint64_t bytes = 0;
  for (auto _ : state) bytes = materialize(reader, folder / "run.h5", options).bytes;
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

// The chunk that Daybook chooses.
const hsize_t* chunk(std::size_t element) {
  static const hsize_t halves[] = {1, 512, 512}, doubles[] = {1, 128, 512};
  return element == 2 ? halves : doubles;
}

template <class T>
void by_hdf5(benchmark::State& state, const std::vector<T>& array, int level) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  const hid_t type = sizeof(T) == 2 ? H5T_STD_U16LE : H5T_IEEE_F64LE;
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    bytes = bench::written_by_hdf5(folder / "run.h5", [&](hid_t file) {
      const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_obj_track_times(creation, false);
      if (level >= 0) {
        H5Pset_chunk(creation, 3, chunk(sizeof(T)));
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, static_cast<unsigned>(level));
      }
      const hsize_t dims[] = {shape[0], shape[1], shape[2]};
      const hid_t space = H5Screate_simple(3, dims, nullptr);
      const hid_t dataset = H5Dcreate2(file, "array", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
      bench::require(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.data()) >= 0, "H5Dwrite");
      H5Dclose(dataset);
      H5Sclose(space);
      H5Pclose(creation);
    });
  }
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

// NOLINTBEGIN: what Google Benchmark's macro makes
void camera_uint16(benchmark::State& state, bool ours, int level) {
  static const auto array = camera();
  ours ? by_daybook(state, array, level) : by_hdf5(state, array, level);
}
void noise_float64(benchmark::State& state, bool ours, int level) {
  static const auto array = noise();
  ours ? by_daybook(state, array, level) : by_hdf5(state, array, level);
}
void smooth_float64(benchmark::State& state, bool ours, int level) {
  static const auto array = smooth();
  ours ? by_daybook(state, array, level) : by_hdf5(state, array, level);
}

#define PAIR(array, name, level)                          \
  BENCHMARK_CAPTURE(array, name##_daybook, true, level)   \
      ->MeasureProcessCPUTime()                           \
      ->UseRealTime()                                     \
      ->Unit(benchmark::kMillisecond);                    \
  BENCHMARK_CAPTURE(array, name##_H5Dwrite, false, level) \
      ->MeasureProcessCPUTime()                           \
      ->UseRealTime()                                     \
      ->Unit(benchmark::kMillisecond)
PAIR(noise_float64, plain, -1);
PAIR(camera_uint16, shuffle_gzip4, 4);
PAIR(noise_float64, shuffle_gzip4, 4);
PAIR(smooth_float64, shuffle_gzip4, 4);
// NOLINTEND

}  // namespace
