#include "daybook/materializer/hdf5_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace daybook::detail {
namespace {

// Linux moves at most 2 GiB a call. In smaller steps the disk can begin with the first while the next is copied.
constexpr std::size_t max_transfer = std::size_t{8} << 20;
constexpr std::size_t most_together = std::size_t{64} << 10;
constexpr haddr_t max_address = (haddr_t{1} << 63) - 1;

// What HDF5 holds of an open file: its own part first, as it wants it.
struct OpenFile {
  H5FD_t hdf5;
  FileUnderHdf5* file;
  haddr_t allocated;
  int descriptor;  // for those who ask HDF5 for it
};

OpenFile& open_file(H5FD_t* file) { return *reinterpret_cast<OpenFile*>(file); }
const OpenFile& open_file(const H5FD_t* file) { return *reinterpret_cast<const OpenFile*>(file); }

H5FD_t* driver_open(const char*, unsigned flags, hid_t access, haddr_t) {
  const void* info = H5Pget_driver_info(access);
  if (info == nullptr) return nullptr;
  FileUnderHdf5* file = nullptr;
  std::memcpy(&file, info, sizeof file);
  auto* opened = new (std::nothrow) OpenFile{};
  if (opened == nullptr) return nullptr;
  opened->file = file;
  opened->descriptor = file->descriptor();
  if ((flags & H5F_ACC_TRUNC) != 0) file->truncate(0);
  return &opened->hdf5;
}

herr_t driver_close(H5FD_t* file) {
  open_file(file).file->flush();
  delete &open_file(file);
  return 0;
}

int driver_compare(const H5FD_t* a, const H5FD_t* b) {
  const std::less<const FileUnderHdf5*> less;
  return less(open_file(a).file, open_file(b).file) ? -1 : less(open_file(b).file, open_file(a).file) ? 1 : 0;
}

// As sec2, without concurrent readers.
herr_t driver_query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr)
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_POSIX_COMPAT_HANDLE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t driver_allocated(const H5FD_t* file, H5FD_mem_t) { return open_file(file).allocated; }

herr_t driver_allocate(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  open_file(file).allocated = address;
  return 0;
}

haddr_t driver_end(const H5FD_t* file, H5FD_mem_t) { return open_file(file).file->end(); }

herr_t driver_handle(H5FD_t* file, hid_t, void** handle) {
  open_file(file).file->flush();
  *handle = &open_file(file).descriptor;
  return 0;
}

herr_t driver_read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* out) {
  return open_file(file).file->read(address, size, out) ? 0 : -1;
}

herr_t driver_write(H5FD_t* file, H5FD_mem_t kind, hid_t, haddr_t address, std::size_t size, const void* bytes) {
  open_file(file).file->write(kind, address, size, bytes);
  return 0;
}

herr_t driver_truncate(H5FD_t* file, hid_t, hbool_t) {
  OpenFile& opened = open_file(file);
  if (opened.allocated != opened.file->end()) opened.file->truncate(opened.allocated);
  return 0;
}

H5FD_class_t driver_class() {
  H5FD_class_t cls{};
  cls.name = "daybook";
  cls.maxaddr = max_address;
  cls.fc_degree = H5F_CLOSE_STRONG;
  cls.fapl_size = sizeof(FileUnderHdf5*);
  cls.open = driver_open;
  cls.close = driver_close;
  cls.cmp = driver_compare;
  cls.query = driver_query;
  cls.get_eoa = driver_allocated;
  cls.set_eoa = driver_allocate;
  cls.get_eof = driver_end;
  cls.get_handle = driver_handle;
  cls.read = driver_read;
  cls.write = driver_write;
  cls.truncate = driver_truncate;
  // H5FD_FLMAP_DICHOTOMY: metadata and raw data in two pools, as in sec2.
  const H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), std::begin(cls.fl_map));
  return cls;
}

}  // namespace

FileUnderHdf5::FileUnderHdf5(int descriptor) : descriptor_(descriptor) {
  together_.reserve(most_together);  // now: no exception may pass through HDF5 later
}

bool FileUnderHdf5::read(haddr_t address, std::size_t size, void* out) {
  flush();
  auto* bytes = static_cast<unsigned char*>(out);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(descriptor_, bytes + done, std::min(size - done, max_transfer), static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (error_ == 0) error_ = errno;
      return false;
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  std::fill(bytes + done, bytes + size, static_cast<unsigned char>(0));  // allocated, not yet written
  for (const Kept& kept : kept_) {
    const haddr_t from = std::max(address, kept.address);
    const haddr_t to = std::min<haddr_t>(address + size, kept.address + kept.bytes.size());
    if (from < to) std::memcpy(bytes + (from - address), kept.bytes.data() + (from - kept.address), to - from);
  }
  return true;
}

void FileUnderHdf5::write(H5FD_mem_t kind, haddr_t address, std::size_t size, const void* bytes) {
  const auto* data = static_cast<const unsigned char*>(bytes);
  end_ = std::max<haddr_t>(end_, address + size);
  const bool follows = together_.empty() || together_at_ + together_.size() == address;
  const bool small = kind == H5FD_MEM_DRAW && size <= most_together - std::min(most_together, together_.size());
  if (!small || !follows) flush();  // also before others, which may be for the same place
  if (kind != H5FD_MEM_DRAW || size > most_together) {
    put(kind, address, size, bytes);
    return;
  }
  if (together_.empty()) together_at_ = address;
  together_.insert(together_.end(), data, data + size);
}

void FileUnderHdf5::flush() {
  if (together_.empty()) return;
  put(H5FD_MEM_DRAW, together_at_, together_.size(), together_.data());
  together_.clear();
}

void FileUnderHdf5::put(H5FD_mem_t kind, haddr_t address, std::size_t size, const void* bytes) {
  const auto* data = static_cast<const unsigned char*>(bytes);
  std::size_t done = 0;
  while (done < size && error_ == 0) {
    const ssize_t put =
        ::pwrite(descriptor_, data + done, std::min(size - done, max_transfer), static_cast<off_t>(address + done));
    if (put > 0) {
      written(address + done, static_cast<std::size_t>(put));
      done += static_cast<std::size_t>(put);
    }
    if (put == 0) error_ = ENOSPC;
    if (put < 0 && errno != EINTR) error_ = errno;
  }
  if (done == size || kind == H5FD_MEM_DRAW) return;
  try {
    kept_.push_back({address, {data, data + size}});
  } catch (const std::bad_alloc&) {
    error_ = ENOMEM;  // HDF5 may then fail to close; the file is thrown away in any case
  }
}

// The file will be synced: let the disk begin, rather than wait for it at the end. A hint; no reason to fail.
void FileUnderHdf5::written(haddr_t address, std::size_t size) {
  if (started_ + waiting_ != address) {
    started_ = address;
    waiting_ = 0;
  }
  waiting_ += size;
  if (waiting_ < max_transfer) return;
  ::sync_file_range(descriptor_, static_cast<off_t>(started_), static_cast<off_t>(waiting_), SYNC_FILE_RANGE_WRITE);
  started_ += waiting_;
  waiting_ = 0;
}

void FileUnderHdf5::truncate(haddr_t size) {
  flush();
  end_ = size;
  while (error_ == 0 && ::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
    if (errno != EINTR) error_ = errno;
}

FileAccess::FileAccess(FileUnderHdf5& file) {
  const H5FD_class_t cls = driver_class();
  driver_ = Hdf5Driver(H5FDregister(&cls), "register the file driver");
  properties_ = Hdf5Properties(H5Pcreate(H5P_FILE_ACCESS), "make file properties");
  FileUnderHdf5* pointer = &file;  // HDF5 copies fapl_size bytes: this pointer
  check_hdf5(H5Pset_driver(properties_.id(), driver_.id(), &pointer), "use the file driver");
  check_hdf5(H5Pset_fclose_degree(properties_.id(), H5F_CLOSE_STRONG), "set how files are closed");
}

}  // namespace daybook::detail
