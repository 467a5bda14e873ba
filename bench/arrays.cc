// Table "arrays": one large array, journal → HDF5 file, beside H5Dwrite of the same array from memory with the same chunks
// and filters: in one piece, in chunks, and in chunks with shuffle and gzip, on one core and on all.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "file.h"

namespace bench {
namespace {

using namespace daybook;

constexpr std::uint64_t edge = 512;

// A bright spot on a dark ground, as a camera counts it.
std::vector<std::uint16_t> camera(std::uint64_t pictures) {
  std::mt19937_64 random(1);
  std::vector<std::uint16_t> counts(pictures * edge * edge);
  std::poisson_distribution<int> dark(100);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double x = static_cast<double>(i % edge) - 256, y = static_cast<double>(i / edge % edge) - 200;
    const double spot = 2000 * std::exp(-(x * x + y * y) / 800);
    counts[i] =
        static_cast<std::uint16_t>(spot > 1 ? std::poisson_distribution<int>(100 + spot)(random) : dark(random));
  }
  return counts;
}

std::vector<double> noise(std::uint64_t pictures) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> numbers(pictures * edge * edge);
  for (double& number : numbers) number = normal(random);
  return numbers;
}

std::vector<double> smooth(std::uint64_t pictures) {
  std::vector<double> numbers(pictures * edge * edge);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto x = static_cast<double>(i);
    numbers[i] = std::sin(x * 1e-4) + 0.3 * std::cos(x * 3e-3);
  }
  return numbers;
}

struct Kept {
  const char* name;
  bool chunked;
  int gzip;  // level; 0: none
};

template <class T>
double by_daybook(benchmark::State& state, const std::vector<T>& array, const Kept& kept, unsigned threads) {
  MaterializeOptions options;
  if (kept.gzip != 0)
    options = with_layout("compress", {{"level", kept.gzip}}, threads);
  else if (kept.chunked)
    options = with_layout("chunk", {}, threads);
  const Shape shape = {array.size() / edge / edge, edge, edge};
  return materialized(state, options,
                      [&](Journal& journal) { journal.set("array", Value::array(array.data(), shape)); });
}

template <class T>
double by_hdf5(benchmark::State& state, const std::vector<T>& array, const Kept& kept) {
  const hid_t type = sizeof(T) == 2 ? H5T_STD_U16LE : H5T_IEEE_F64LE;
  return written_by_hdf5(state, [&](hid_t file) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, false);
    // The chunk that Daybook chooses.
    const hsize_t rows = std::min<hsize_t>(edge, (kept.gzip != 0 ? 1024 : 512) / sizeof(T));
    const hsize_t chunk[] = {1, rows, edge};
    if (kept.chunked) H5Pset_chunk(creation, 3, chunk);
    if (kept.gzip != 0) {
      H5Pset_shuffle(creation);
      H5Pset_deflate(creation, static_cast<unsigned>(kept.gzip));
    }
    const hsize_t dims[] = {array.size() / edge / edge, edge, edge};
    const hid_t space = H5Screate_simple(3, dims, nullptr);
    const hid_t dataset = H5Dcreate2(file, "array", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    require(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.data()) >= 0, "H5Dwrite");
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(creation);
  });
}

// Made once, and only for the rows that are asked for.
template <class T>
void pair(const std::string& name, std::vector<T> (*make)(std::uint64_t), std::uint64_t pictures, const Kept& kept) {
  const auto array = [make, pictures]() -> const std::vector<T>& {
    static std::vector<T> held;
    static std::pair<void*, std::uint64_t> holds{};
    const std::pair<void*, std::uint64_t> wanted{reinterpret_cast<void*>(make), pictures};
    if (holds != wanted) held = make(pictures);
    holds = wanted;
    return held;
  };
  const std::string work = "arrays/" + name + "_" + kept.name;
  add(work + "/daybook", [=](benchmark::State& state) { return by_daybook(state, array(), kept, 0); });
  if (kept.gzip != 0)
    add(work + "/daybook_1_thread", [=](benchmark::State& state) { return by_daybook(state, array(), kept, 1); });
  add(work + "/H5Dwrite", [=](benchmark::State& state) { return by_hdf5(state, array(), kept); });
}

constexpr Kept contiguous{"contiguous", false, 0}, chunked{"chunked", true, 0}, gzip{"gzip4", true, 4};

}  // namespace

void add_arrays() {
  const std::uint64_t pictures = sized(100ULL, 40ULL, 2ULL);
  pair("noise", noise, pictures, contiguous);
  pair("noise", noise, pictures, chunked);
  pair("noise", noise, pictures, gzip);
  pair("camera", camera, pictures, gzip);
  pair("smooth", smooth, pictures, gzip);
  // By size; the name says how many MiB.
  for (std::uint64_t n : {1ULL, 10ULL, 100ULL, 500ULL})
    if (n <= sized(500ULL, 100ULL, 1ULL)) {
      pair("size_" + std::to_string(2 * n) + "MiB", noise, n, contiguous);
      pair("size_" + std::to_string(n / 2) + "MiB", camera, n, gzip);
    }
}

}  // namespace bench
