#pragma once

// What a program does that has its arrays in memory and calls HDF5 itself. Like Daybook it writes beside the old file,
// syncs, and renames.
#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bench {

inline void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

// Calls fill(hid_t file) and returns the size of the file, which is synced and in place. Like Daybook's files it has no
// object times.
template <class Fill>
std::uint64_t written_by_hdf5(const std::filesystem::path& path, const Fill& fill) {
  const std::string part = path.string() + ".part";
  const hid_t file = H5Fcreate(part.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  require(file >= 0, "H5Fcreate");
  fill(file);
  require(H5Fclose(file) >= 0, "H5Fclose");
  const int descriptor = ::open(part.c_str(), O_RDONLY);
  require(descriptor >= 0 && ::fsync(descriptor) == 0, "fsync");
  ::close(descriptor);
  std::filesystem::rename(part, path);
  const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY);
  require(folder >= 0 && ::fsync(folder) == 0, "fsync of the folder");
  ::close(folder);
  return std::filesystem::file_size(path);
}

}  // namespace bench
