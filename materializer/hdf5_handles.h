#pragma once

// HDF5's C API made safe: move-only ids, one place where its return codes become exceptions, no printing.

#include <hdf5.h>

#include <string_view>
#include <utility>

#include "daybook/journal/error.h"

namespace daybook::detail {

// HDF5 said no to one call. The writer turns it into a refusal of one dataset unless the disk is the reason.
struct Hdf5Error : StorageError {
  using StorageError::StorageError;
};

// Throws Hdf5Error with HDF5's whole error stack in one line, and clears the stack.
[[noreturn]] void throw_hdf5(std::string_view doing);

// For calls that return a negative number on failure.
template <class Result>
Result check_hdf5(Result result, std::string_view doing) {
  if (result < 0) throw_hdf5(doing);
  return result;
}

// Owns one id. close() tells of failure, the destructor does not.
template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, std::string_view doing) : id_(check_hdf5(id, doing)) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Hdf5Handle() {
    if (id_ >= 0) Close(id_);
  }
  [[nodiscard]] hid_t id() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  void close(std::string_view doing) { check_hdf5(Close(std::exchange(id_, H5I_INVALID_HID)), doing); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using Hdf5File = Hdf5Handle<H5Fclose>;
using Hdf5Group = Hdf5Handle<H5Gclose>;
using Hdf5Dataset = Hdf5Handle<H5Dclose>;
using Hdf5Attribute = Hdf5Handle<H5Aclose>;
using Hdf5Type = Hdf5Handle<H5Tclose>;
using Hdf5Space = Hdf5Handle<H5Sclose>;
using Hdf5Properties = Hdf5Handle<H5Pclose>;
using Hdf5Object = Hdf5Handle<H5Oclose>;
using Hdf5Driver = Hdf5Handle<H5FDunregister>;

// While it lives HDF5 prints nothing; then it prints again as before.
class Hdf5Quiet {
 public:
  Hdf5Quiet();
  ~Hdf5Quiet();
  Hdf5Quiet(const Hdf5Quiet&) = delete;
  Hdf5Quiet& operator=(const Hdf5Quiet&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

}  // namespace daybook::detail
