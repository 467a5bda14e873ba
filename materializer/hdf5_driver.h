#pragma once

#include <vector>

#include "daybook/materializer/hdf5_handles.h"

namespace daybook::detail {

// The file below HDF5 while it is written. HDF5 1.10 cannot close a file whose last writes fail: it keeps the ids,
// and prints at exit. So this driver remembers the first error and pretends success from then on; raw data is dropped
// and metadata kept in memory, so that HDF5 finds what it wrote and can close. Who owns it asks error() and throws the
// file away. The bytes in a file without error are those that HDF5's own sec2 driver writes; small raw data that follow
// each other, as those of many scalars do, are brought together on the way.
class FileUnderHdf5 {
 public:
  // Borrows the descriptor, open for reading and writing.
  explicit FileUnderHdf5(int descriptor);
  [[nodiscard]] int error() const { return error_; }  // an errno value; 0: all went well
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] haddr_t end() const { return end_; }

  bool read(haddr_t address, std::size_t size, void* out);
  void write(H5FD_mem_t kind, haddr_t address, std::size_t size, const void* bytes);
  void truncate(haddr_t size);
  void flush();  // what was brought together; error() knows all from then on

 private:
  void put(H5FD_mem_t kind, haddr_t address, std::size_t size, const void* bytes);
  void written(haddr_t address, std::size_t size);

  struct Kept {
    haddr_t address;
    std::vector<unsigned char> bytes;
  };
  int descriptor_;
  int error_ = 0;
  haddr_t end_ = 0;
  std::vector<unsigned char> together_;  // raw data that is to be written at …
  haddr_t together_at_ = 0;
  haddr_t started_ = 0;      // written and not yet on its way to the disk: from here on …
  std::size_t waiting_ = 0;  // … so many bytes
  std::vector<Kept> kept_;   // metadata that had no room in the file, in order of writing
};

// Properties for H5Fcreate that put `file` below HDF5. Both must outlive the HDF5 file.
class FileAccess {
 public:
  explicit FileAccess(FileUnderHdf5& file);
  [[nodiscard]] hid_t id() const { return properties_.id(); }

 private:
  Hdf5Driver driver_;
  Hdf5Properties properties_;
};

}  // namespace daybook::detail
