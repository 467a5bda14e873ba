#include "daybook/materializer/hdf5_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "daybook/materializer/filters.h"
#include "daybook/materializer/floating_point.h"

namespace daybook::detail {
namespace {

constexpr std::size_t most_options = 256;  // no filter comes near

enum class Availability : std::uint8_t { there, reads_only, absent };

Availability look_up(std::int32_t id) {
  if (id < 1 || id > H5Z_FILTER_MAX) return Availability::there;  // no number of a filter: for the writer to refuse
  if (H5Zfilter_avail(id) <= 0) {
    H5Eclear2(H5E_DEFAULT);
    return Availability::absent;
  }
  unsigned flags = 0;
  if (H5Zget_filter_info(id, &flags) < 0) H5Eclear2(H5E_DEFAULT);
  return (flags & H5Z_FILTER_CONFIG_ENCODE_ENABLED) != 0 ? Availability::there : Availability::reads_only;
}

const Storage* storage_of(const Node& node) {
  if (const auto* dataset = std::get_if<AsDataset>(&node.form)) return &dataset->storage;
  if (const auto* table = std::get_if<AsTable>(&node.form)) return &table->storage;
  return nullptr;
}

std::string who(const Node& node) {
  std::string names = node.origin == default_origin ? std::string() : node.origin;
  for (const std::string& edit : node.edits)
    if (names.find(edit) == std::string::npos) names += (names.empty() ? "" : ", ") + edit;
  return names.empty() ? std::string() : fmt::format(" (layout transform {})", names);
}

bool is_plain(const Filter& filter) {
  return filter.id == gzip_filter || filter.id == shuffle_filter || filter.id == fletcher32_filter;
}

}  // namespace

void require_filters(const Plan& plan) {
  const Hdf5Quiet quiet;
  const FloatingPointKeeper keeper;
  std::map<std::int32_t, Availability> known;
  for (const Node& node : plan.nodes) {
    const Storage* storage = storage_of(node);
    if (storage == nullptr) continue;
    for (const Filter& filter : storage->filters) {
      const auto [found, is_new] = known.try_emplace(filter.id);
      if (is_new) found->second = look_up(filter.id);
      if (found->second == Availability::there) continue;
      throw InvalidError(
          fmt::format("{}{} needs {}, which {}: {}", node.path, who(node), filter_text(filter.id),
                      found->second == Availability::absent ? "HDF5 does not find here" : "can only be read here",
                      filter_advice(filter.id)));
    }
  }
}

void leave_out_missing_filters(Plan& plan) {
  const Hdf5Quiet quiet;
  const FloatingPointKeeper keeper;
  for (Node& node : plan.nodes) {
    auto* dataset = std::get_if<AsDataset>(&node.form);
    if (dataset == nullptr || dataset->storage.filters.empty()) continue;
    std::erase_if(dataset->storage.filters, [&](const Filter& filter) {
      if (is_plain(filter)) return false;
      const Availability found = look_up(filter.id);
      if (found == Availability::there) return false;
      node.notes.push_back(
          fmt::format("it is written without {}, which its storage options ask for and {}: {}", filter_text(filter.id),
                      found == Availability::absent ? "HDF5 does not find here" : "can only be read here",
                      filter_advice(filter.id)));
      return true;
    });
  }
}

void add_filter(hid_t creation, const Filter& filter) {
  const std::string doing = "add " + filter_text(filter.id);
  const auto& options = filter.options;
  if (filter.id == szip_filter && options.size() == 2) {  // adds bits of its own to the options
    check_hdf5(H5Pset_szip(creation, options[0] & (H5_SZIP_EC_OPTION_MASK | H5_SZIP_NN_OPTION_MASK), options[1]),
               doing);
    return;
  }
  // As H5Pset_fletcher32: a checksum is not left out.
  const unsigned flag = filter.id == fletcher32_filter ? H5Z_FLAG_MANDATORY : H5Z_FLAG_OPTIONAL;
  check_hdf5(H5Pset_filter(creation, filter.id, flag, options.size(), options.data()), doing);
}

void FilterTrial::check(std::span<const Filter> filters, hid_t creation, hid_t type, hid_t space) {
  if (std::all_of(filters.begin(), filters.end(), is_plain)) return;
  if (!file_) {
    const Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS), "make file properties");
    check_hdf5(H5Pset_fapl_core(access.id(), 1 << 16, false), "keep a file in memory");
    file_ =
        Hdf5File(H5Fcreate("daybook-filter-trial", H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), "make a file in memory");
  }
  const Hdf5Properties strict(H5Pcopy(creation), "copy dataset properties");
  for (const Filter& filter : filters) {
    unsigned flags = 0, options[most_options] = {};  // as add_filter() has set them
    std::size_t count = most_options;
    check_hdf5(H5Pget_filter_by_id2(strict.id(), filter.id, &flags, &count, options, 0, nullptr, nullptr),
               "look at " + filter_text(filter.id));
    count = std::min<std::size_t>(count, most_options);
    check_hdf5(H5Pmodify_filter(strict.id(), filter.id, H5Z_FLAG_MANDATORY, count, options),
               "insist on " + filter_text(filter.id));
  }
  const Hdf5Dataset tried(H5Dcreate_anon(file_.id(), type, space, strict.id(), H5P_DEFAULT),
                          "use the filters for this dataset");
}

}  // namespace daybook::detail
