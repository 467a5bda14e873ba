#include "daybook/materializer/file_identity.h"

#include <fmt/format.h>

#include <cerrno>

#include "daybook/materializer/hdf5_types.h"

namespace daybook::detail {

namespace fs = std::filesystem;

namespace {

bool has_type(hid_t attribute, const Type& type) {
  const Hdf5Type found(H5Aget_type(attribute), "get a type"), wanted = make_hdf5_type(type);
  const Hdf5Space space(H5Aget_space(attribute), "get a dataspace");
  return H5Tequal(found.id(), wanted.id()) > 0 && H5Sget_simple_extent_type(space.id()) == H5S_SCALAR;
}

std::optional<Hdf5Attribute> find_attribute(hid_t file, const char* name, const Type& type) {
  if (H5Aexists(file, name) <= 0) return std::nullopt;
  Hdf5Attribute attribute(H5Aopen(file, name, H5P_DEFAULT), std::string("open attribute ") + name);
  if (!has_type(attribute.id(), type)) return std::nullopt;
  return attribute;
}

std::optional<std::string> find_text(hid_t file, const char* name) {
  const auto attribute = find_attribute(file, name, Type::string(Charset::utf8));
  if (!attribute) return std::nullopt;
  const Hdf5Type type = make_hdf5_type(Type::string(Charset::utf8));
  char* text = nullptr;
  check_hdf5(H5Aread(attribute->id(), type.id(), static_cast<void*>(&text)), std::string("read attribute ") + name);
  std::string copy = text != nullptr ? text : "";
  H5free_memory(text);
  return copy;
}

std::optional<Sequence> find_event(hid_t file) {
  const auto attribute = find_attribute(file, "daybook_event", Type::of<std::int64_t>());
  if (!attribute) return std::nullopt;
  std::int64_t event = 0;
  check_hdf5(H5Aread(attribute->id(), H5T_NATIVE_INT64, &event), "read attribute daybook_event");
  return static_cast<Sequence>(event);
}

bool find_flag(hid_t file, const char* name) {
  const auto attribute = find_attribute(file, name, Type());
  if (!attribute) return false;
  const Hdf5Type type = make_hdf5_type(Type());
  std::int8_t flag = 0;
  check_hdf5(H5Aread(attribute->id(), type.id(), &flag), std::string("read attribute ") + name);
  return flag != 0;
}

}  // namespace

Hdf5File open_results(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) throw_errno("open " + file.string(), error ? error.value() : ENOENT);
  const htri_t is_hdf5 = H5Fis_hdf5(file.c_str());
  H5Eclear2(H5E_DEFAULT);
  if (is_hdf5 == 0) throw UnsupportedError(fmt::format("{} is not an HDF5 file", file.string()));
  const Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS), "make file properties");
  // Reading takes no lock: locks fail on some network shares, and a finished file does not change.
  check_hdf5(H5Pset_file_locking(access.id(), false, true), "switch file locks off");
  check_hdf5(H5Pset_fclose_degree(access.id(), H5F_CLOSE_STRONG), "set how files are closed");
  return {H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.id()), "open " + file.string()};
}

FileIdentity read_identity(hid_t file) {
  return {.journal = find_text(file, "daybook_journal"),
          .event = find_event(file),
          .complete = find_flag(file, "daybook_complete"),
          .layout = find_text(file, "daybook_layout"),
          .layout_digest = find_text(file, "daybook_layout_digest"),
          .layout_text = find_text(file, "daybook_layout_text"),
          .layout_failure = find_text(file, "daybook_layout_failure")};
}

}  // namespace daybook::detail
