#include "daybook/materializer/hdf5_dataset.h"

#include <fmt/format.h>

#include "daybook/materializer/hdf5_elements.h"

namespace daybook::detail {
namespace {

Shape chunk_for(const StoredValue& value, const Storage& storage) {
  const bool wanted = !storage.filters.empty() || !storage.chunk.empty();
  if (!wanted || value.type.is_variable() || value.shape.empty()) return {};
  if (value.count() == 0) return {};
  if (storage.chunk.empty()) return choose_chunk(value.shape, value.type.size());
  if (storage.chunk.size() != value.shape.size())
    throw InvalidError(
        fmt::format("chunks of {} dimensions for an array of {}", storage.chunk.size(), value.shape.size()));
  Shape chunk = storage.chunk;
  for (std::size_t i = 0; i < chunk.size(); ++i)
    chunk[i] = std::min(std::max<std::uint64_t>(chunk[i], 1), value.shape[i]);
  return chunk;
}

Hdf5Properties filter_properties(const Storage& storage, const Shape& chunk) {
  Hdf5Properties made = object_properties(H5P_DATASET_CREATE);
  const std::vector<hsize_t> dims(chunk.begin(), chunk.end());
  check_hdf5(H5Pset_chunk(made.id(), static_cast<int>(dims.size()), dims.data()), "set the chunk shape");
  for (const Filter& filter : storage.filters)
    check_hdf5(H5Pset_filter(made.id(), filter.id, H5Z_FLAG_OPTIONAL, filter.options.size(), filter.options.data()),
               "add filter " + filter.name);
  return made;
}

}  // namespace

Hdf5Properties object_properties(hid_t cls) {
  Hdf5Properties made(H5Pcreate(cls), "make object properties");
  if (cls != H5P_LINK_CREATE) check_hdf5(H5Pset_obj_track_times(made.id(), false), "switch object times off");
  return made;
}

Hdf5Dataset DatasetWriter::write(const DatasetPlace& place, const StoredValue& value, const Storage& storage,
                                 const Progress& progress) {
  const Shape chunk = chunk_for(value, storage);
  Hdf5Properties filtered;
  if (!chunk.empty()) filtered = filter_properties(storage, chunk);
  const hid_t type = types_.get(value.type);
  Hdf5Dataset dataset = create(place, type, value, chunk.empty() ? contiguous_.id() : filtered.id());
  try {
    write_elements(dataset.id(), type, value, chunk, progress);
  } catch (...) {
    dataset = {};
    H5Ldelete(place.parent, place.name.c_str(), H5P_DEFAULT);  // no half a dataset
    throw;
  }
  return dataset;
}

Hdf5Dataset DatasetWriter::create(const DatasetPlace& place, hid_t type, const StoredValue& value,
                                  hid_t creation) const {
  Hdf5Space simple;
  if (value.form == Form::null || !value.shape.empty()) simple = make_space(value);
  const hid_t space = simple ? simple.id() : scalar_.id();
  const hid_t id = H5Dcreate2(place.parent, place.name.c_str(), type, space, place.link, creation, H5P_DEFAULT);
  return Hdf5Dataset(id, id < 0 ? "create " + place.path : std::string());
}

}  // namespace daybook::detail
