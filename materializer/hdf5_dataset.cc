#include "daybook/materializer/hdf5_dataset.h"

#include "daybook/materializer/hdf5_elements.h"

namespace daybook::detail {
namespace {

void set_fill_value(hid_t creation, hid_t type, const StoredValue& value, const std::vector<std::byte>& fill) {
  const void* element = fill.data();
  const void* text = &element;  // of a variable-length string HDF5 wants the pointer's address
  check_hdf5(H5Pset_fill_value(creation, type, value.type.is_variable() ? text : element), "set the fill value");
}

Hdf5Properties creation_properties(hid_t type, const StoredValue& value, const DatasetStorage& storage) {
  Hdf5Properties made = object_properties(H5P_DATASET_CREATE);
  if (storage.track_times) check_hdf5(H5Pset_obj_track_times(made.id(), true), "switch object times on");
  if (!storage.fill.empty()) set_fill_value(made.id(), type, value, storage.fill);
  if (storage.kind == Storage::Kind::compact)
    check_hdf5(H5Pset_layout(made.id(), H5D_COMPACT), "choose compact storage");
  if (storage.kind != Storage::Kind::chunked) return made;
  const std::vector<hsize_t> dims(storage.chunk.begin(), storage.chunk.end());
  check_hdf5(H5Pset_chunk(made.id(), static_cast<int>(dims.size()), dims.data()), "set the chunk shape");
  for (const Filter& filter : storage.filters) add_filter(made.id(), filter);
  return made;
}

}  // namespace

Hdf5Properties object_properties(hid_t cls) {
  Hdf5Properties made(H5Pcreate(cls), "make object properties");
  if (cls != H5P_LINK_CREATE) check_hdf5(H5Pset_obj_track_times(made.id(), false), "switch object times off");
  return made;
}

Hdf5Dataset DatasetWriter::write(const DatasetPlace& place, const StoredValue& value, const Storage& storage,
                                 const Progress& progress, std::vector<std::string>& notes) {
  std::string fill_note, note;
  DatasetStorage chosen;
  try {
    chosen = choose_storage(value, storage, fill_note);
  } catch (const InvalidError& e) {
    note = e.what();
  }
  if (!chosen.is_default()) {
    try {
      Hdf5Dataset made = make(place, value, chosen, progress);
      if (!fill_note.empty()) notes.push_back("written without its fill value: " + fill_note);
      return made;
    } catch (const Hdf5Error& e) {
      note = e.what();
    }
  }
  Hdf5Dataset made = make(place, value, {}, progress);
  if (!note.empty()) notes.push_back("written with the default storage: " + note);
  if (note.empty() && !fill_note.empty()) notes.push_back("written without its fill value: " + fill_note);
  return made;
}

Hdf5Dataset DatasetWriter::make(const DatasetPlace& place, const StoredValue& value, const DatasetStorage& storage,
                                const Progress& progress) {
  const hid_t type = types_.get(value.type);
  Hdf5Dataset dataset = create(place, type, value, storage);
  try {
    if (storage.codec) {
      chunks_.write({dataset.id(), value, storage.chunk, *storage.codec, storage.fill, progress});
    } else {
      write_elements(dataset.id(), type, value, storage.chunk, progress);
    }
  } catch (...) {
    dataset = {};
    H5Ldelete(place.parent, place.name.c_str(), H5P_DEFAULT);  // no half a dataset
    throw;
  }
  return dataset;
}

Hdf5Dataset DatasetWriter::create(const DatasetPlace& place, hid_t type, const StoredValue& value,
                                  const DatasetStorage& storage) {
  Hdf5Space simple;
  if (value.form == Form::null || !value.shape.empty()) simple = make_space(value, storage.extendible);
  const hid_t space = simple ? simple.id() : scalar_.id();
  Hdf5Properties own;
  if (!storage.is_default()) {
    own = creation_properties(type, value, storage);
    trial_.check(storage.filters, own.id(), type, space);
  }
  const hid_t id = H5Dcreate2(place.parent, place.name.c_str(), type, space, place.link,
                              own ? own.id() : contiguous_.id(), H5P_DEFAULT);
  return Hdf5Dataset(id, id < 0 ? "create " + place.path : std::string());
}

}  // namespace daybook::detail
