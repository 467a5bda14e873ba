#include <hdf5.h>

#include <array>
#include <unordered_map>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

constexpr hsize_t chunk_elements = 1024;

void check(herr_t code, const char* what) { require(code >= 0, what); }

// The file itself as the record, as programs keep it that have no journal: a dataset a key, extended and written by each
// call, then flushed. (A kill within a call can still leave a file that does not open.)
class Hdf5Store final : public Store {
 public:
  explicit Hdf5Store(const std::filesystem::path& folder) {
    file_ = H5Fcreate((folder / "events.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    require(file_ >= 0, "H5Fcreate");
    scalar_ = H5Screate(H5S_SCALAR);
  }
  Hdf5Store(const Hdf5Store&) = delete;
  Hdf5Store& operator=(const Hdf5Store&) = delete;
  ~Hdf5Store() override {
    for (const auto& [key, dataset] : datasets_) H5Dclose(dataset);
    H5Sclose(scalar_);
    H5Fclose(file_);
  }

  void set(std::string_view key, double value) override {
    hid_t& dataset = datasets_[std::string(key)];
    if (dataset == 0) dataset = make(key, H5T_IEEE_F64LE, scalar_, H5P_DEFAULT);
    check(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value), "H5Dwrite");
    flush();
  }

  void append(std::string_view key, double value) override {
    hid_t& dataset = datasets_[std::string(key)];
    if (dataset == 0) dataset = make_growing<1>(key, H5T_IEEE_F64LE, {0}, {chunk_elements});
    extend_and_write<1>(dataset, H5T_NATIVE_DOUBLE, length_[dataset]++, {1}, &value);
    flush();
  }

  void declare(std::string_view key, std::span<const double> array) override {
    const hsize_t extent = array.size();
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t dataset = datasets_[std::string(key)] = make(key, H5T_IEEE_F64LE, space, H5P_DEFAULT);
    H5Sclose(space);
    check(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.data()), "H5Dwrite");
    flush();
  }

  void mutate(std::string_view key, std::uint64_t index, double value) override {
    const hid_t dataset = datasets_.at(std::string(key));
    const hid_t space = H5Dget_space(dataset);
    const hsize_t start = index, count = 1;
    check(H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &count, nullptr), "H5Sselect_hyperslab");
    check(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, scalar_, space, H5P_DEFAULT, &value), "H5Dwrite");
    H5Sclose(space);
    flush();
  }

  void frame(std::string_view key, std::span<const std::uint16_t> pixels, std::uint64_t rows) override {
    const hsize_t columns = pixels.size() / rows;
    hid_t& dataset = datasets_[std::string(key)];
    if (dataset == 0) dataset = make_growing<3>(key, H5T_STD_U16LE, {0, rows, columns}, {1, rows, columns});
    extend_and_write<3>(dataset, H5T_NATIVE_UINT16, length_[dataset]++, {1, rows, columns}, pixels.data());
    flush();
  }

  void event(const daybook::Event& /*event*/) override { require(false, "HDF5 as a store takes no recorded events"); }
  void finish() override { flush(); }

 private:
  hid_t make(std::string_view key, hid_t type, hid_t space, hid_t creation) {
    const hid_t made = H5Dcreate2(file_, std::string(key).c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    require(made >= 0, "H5Dcreate2");
    return made;
  }

  template <std::size_t Rank>
  hid_t make_growing(std::string_view key, hid_t type, std::array<hsize_t, Rank> dims,
                     std::array<hsize_t, Rank> chunk) {
    auto most = dims;
    most[0] = H5S_UNLIMITED;
    const hid_t space = H5Screate_simple(Rank, dims.data(), most.data());
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, Rank, chunk.data());
    const hid_t made = make(key, type, space, creation);
    H5Pclose(creation);
    H5Sclose(space);
    return made;
  }

  template <std::size_t Rank>
  void extend_and_write(hid_t dataset, hid_t type, hsize_t at, std::array<hsize_t, Rank> count, const void* values) {
    auto dims = count;
    dims[0] = at + 1;
    check(H5Dset_extent(dataset, dims.data()), "H5Dset_extent");
    const hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(Rank, count.data(), nullptr);
    std::array<hsize_t, Rank> start{};
    start[0] = at;
    check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
          "H5Sselect_hyperslab");
    check(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, values), "H5Dwrite");
    H5Sclose(memory);
    H5Sclose(space);
  }

  void flush() { check(H5Fflush(file_, H5F_SCOPE_LOCAL), "H5Fflush"); }

  hid_t file_ = -1, scalar_ = -1;
  std::unordered_map<std::string, hid_t> datasets_;
  std::unordered_map<hid_t, hsize_t> length_;
};

}  // namespace

std::unique_ptr<Store> make_hdf5(const std::filesystem::path& folder) { return std::make_unique<Hdf5Store>(folder); }

}  // namespace bench
