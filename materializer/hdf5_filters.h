#pragma once

#include <span>

#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/plan.h"

namespace daybook::detail {

// InvalidError if a filter that the plan's datasets or tables want cannot be had here: names the dataset, who asked for
// the filter, and what to install.
void require_filters(const Plan& plan);

// Of a plan without a layout: takes out filters that cannot be had here, which datasets ask for by their own options; the
// dataset's notes say so.
void leave_out_missing_filters(Plan& plan);

// Appends a filter to a dataset's creation properties.
void add_filter(hid_t creation, const Filter& filter);

// HDF5 leaves out a filter that does not suit a dataset without saying so. This asks for it.
class FilterTrial {
 public:
  // Hdf5Error if one of the filters, which are those of `creation`, does not suit.
  void check(std::span<const Filter> filters, hid_t creation, hid_t type, hid_t space);

 private:
  Hdf5File file_;  // in memory alone
};

}  // namespace daybook::detail
