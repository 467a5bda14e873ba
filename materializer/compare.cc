#include "daybook/materializer/compare.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "daybook/journal/error.h"
#include "daybook/materializer/floating_point.h"
#include "daybook/materializer/hdf5_compare.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/object_path.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using namespace detail;

// A folder of its own in TMPDIR that goes away with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "daybook-compare-XXXXXX").string();
    if (error) throw_errno("find the folder for temporary files (TMPDIR)", error.value());
    if (::mkdtemp(name.data()) == nullptr) throw_errno("make a temporary folder " + name, errno);
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] fs::path file() const { return path_ / "expected.h5"; }

 private:
  fs::path path_;
};

Hdf5File open_file(const fs::path& file) {
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

}  // namespace

std::vector<std::string> compare(const Reader& reader, const fs::path& file, const MaterializeOptions& options) {
  const Hdf5Quiet quiet;
  const FloatingPointKeeper keeper;  // reading may load filters
  const Hdf5File found = open_file(file);
  std::vector<std::string> differences;
  const std::string uuid = to_string(reader.info().uuid);
  if (const auto journal = find_text(found.id(), "daybook_journal"); journal && *journal != uuid)
    differences.push_back(
        fmt::format("the file was written from another journal: its daybook_journal is {}, this journal is {}",
                    quote_name(*journal), uuid));
  const auto layout = find_text(found.id(), "daybook_layout");
  const auto digest = find_text(found.id(), "daybook_layout_digest");
  if (layout && *layout != options.layout.name) {
    differences.push_back(fmt::format("the file was written with layout {}, it is compared with layout {}",
                                      quote_name(*layout), quote_name(options.layout.name)));
  } else if (digest && *digest != options.layout.digest()) {
    differences.push_back(fmt::format("the file was written with another layout {}: its text was {}",
                                      quote_name(options.layout.name),
                                      quote_name(find_text(found.id(), "daybook_layout_text").value_or(""))));
  }

  MaterializeOptions expected_options = options;
  if (std::holds_alternative<Now>(options.at)) {
    const auto event = find_event(found.id());
    if (event && *event > reader.last()) {
      differences.push_back(
          fmt::format("the file is as of event {}, but the journal ends at event {}", *event, reader.last()));
    } else if (event) {
      expected_options.at = AtSequence{*event};
    }
  }
  const ScratchFolder scratch;
  // What it refuses is in no file.
  if (const auto report = materialize(reader, scratch.file(), expected_options); report.no_file)
    throw InvalidError(fmt::format("compare {}: layout {} writes no file: {}", file.string(),
                                   quote_name(options.layout.name), *report.no_file));
  const Hdf5File expected = open_file(scratch.file());
  std::vector<std::string> objects = compare_hdf5(expected.id(), found.id());
  differences.insert(differences.end(), std::make_move_iterator(objects.begin()),
                     std::make_move_iterator(objects.end()));
  return differences;
}

}  // namespace daybook
