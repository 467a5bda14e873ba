#include "daybook/materializer/hdf5_file.h"

#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

H5F_libver_t version(FileProperties::Version v) {
  switch (v) {
    case FileProperties::Version::earliest:
      return H5F_LIBVER_EARLIEST;
    case FileProperties::Version::v18:
      return H5F_LIBVER_V18;
    case FileProperties::Version::v110:
      return H5F_LIBVER_V110;
    case FileProperties::Version::latest:
      return H5F_LIBVER_LATEST;
  }
  throw InvalidError("an unknown version of HDF5's file format");
}

}  // namespace

Hdf5Properties file_creation(const FileProperties& file, bool heavy_root) {
  Hdf5Properties made(H5Pcreate(H5P_FILE_CREATE), "make file creation properties");
  if (file.user_block > 0) check_hdf5(H5Pset_userblock(made.id(), file.user_block), "set the size of the user block");
  // Only a header of HDF5 1.8 knows the order of its attributes, so asking for it gives one.
  if (heavy_root)
    check_hdf5(H5Pset_attr_creation_order(made.id(), H5P_CRT_ORDER_TRACKED), "prepare the root for its attributes");
  return made;
}

void set_versions(hid_t access, const FileProperties& file) {
  check_hdf5(H5Pset_libver_bounds(access, version(file.low), version(file.high)), "set the library versions");
}

void write_user_block(FileUnderHdf5& below, const FileProperties& file) {
  if (!file.user_block_text.empty())
    below.write(H5FD_MEM_DRAW, 0, file.user_block_text.size(), file.user_block_text.data());
}

NewerFormat::NewerFormat(hid_t file, const FileProperties& properties, bool wanted) {
  if (!wanted || properties.low != FileProperties::Version::earliest) return;
  high_ = version(properties.high);
  check_hdf5(H5Fset_libver_bounds(file, H5F_LIBVER_V18, high_), "make an object in the format of HDF5 1.8");
  file_ = file;
}

NewerFormat::~NewerFormat() {
  if (file_ >= 0) H5Fset_libver_bounds(file_, H5F_LIBVER_EARLIEST, high_);
}

}  // namespace daybook::detail
