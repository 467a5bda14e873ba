#include "daybook/materializer/hdf5_handles.h"

#include <fmt/format.h>

#include <algorithm>

namespace daybook::detail {
namespace {

herr_t add_line(unsigned, const H5E_error2_t* error, void* text) noexcept {
  try {
    std::string& out = *static_cast<std::string*>(text);
    std::string description = error->desc != nullptr ? error->desc : "";
    std::replace(description.begin(), description.end(), '\n', ' ');  // HDF5's dates end their line
    out += fmt::format("{}{}: {}", out.empty() ? "" : " <- ", error->func_name,
                       description.empty() ? "failed" : description);
    return 0;
  } catch (...) {
    return -1;
  }
}

}  // namespace

void throw_hdf5(std::string_view doing) {
  std::string reasons;
  const hid_t stack = H5Eget_current_stack();  // a copy; the current one is empty from here on
  if (stack >= 0) {
    H5Ewalk2(stack, H5E_WALK_UPWARD, add_line, &reasons);
    H5Eclose_stack(stack);
  }
  throw Hdf5Error(fmt::format("{}: HDF5 refused: {}", doing, reasons.empty() ? "no reason given" : reasons));
}

Hdf5Quiet::Hdf5Quiet() {
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Quiet::~Hdf5Quiet() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

}  // namespace daybook::detail
