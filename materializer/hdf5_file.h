#pragma once

#include "daybook/materializer/hdf5_driver.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/plan.h"

namespace daybook::detail {

// How a file is made: its user block, and whether its root has a header for heavy attributes.
Hdf5Properties file_creation(const FileProperties& file, bool heavy_root);
// The versions of HDF5 that must be able to read it.
void set_versions(hid_t access, const FileProperties& file);
// After the file was closed.
void write_user_block(FileUnderHdf5& below, const FileProperties& file);

// While it lives objects get the headers of HDF5 1.8 if that is `wanted`, whatever the file's own oldest version is: they
// hold more attributes, and describe types in fewer bytes. Every HDF5 since 2008 reads them.
class NewerFormat {
 public:
  NewerFormat(hid_t file, const FileProperties& properties, bool wanted);
  ~NewerFormat();
  NewerFormat(const NewerFormat&) = delete;
  NewerFormat& operator=(const NewerFormat&) = delete;

 private:
  hid_t file_ = H5I_INVALID_HID;  // whose bounds were changed
  H5F_libver_t high_ = H5F_LIBVER_LATEST;
};

}  // namespace daybook::detail
