#include "daybook/materializer/compare.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "daybook/journal/error.h"
#include "daybook/materializer/file_identity.h"
#include "daybook/materializer/floating_point.h"
#include "daybook/materializer/hdf5_compare.h"
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

}  // namespace

std::vector<std::string> compare(const Reader& reader, const fs::path& file, const MaterializeOptions& options,
                                 std::vector<Refusal>* refused) {
  const Hdf5Quiet quiet;
  const FloatingPointKeeper keeper;  // reading may load filters
  const Hdf5File found = open_results(file);
  std::vector<std::string> differences;
  const std::string uuid = to_string(reader.info().uuid);
  const FileIdentity identity = read_identity(found.id());
  if (const auto& journal = identity.journal; journal && *journal != uuid)
    differences.push_back(
        fmt::format("the file was written from another journal: its daybook_journal is {}, this journal is {}",
                    quote_name(*journal), uuid));
  const auto &layout = identity.layout, &digest = identity.layout_digest;
  if (layout && *layout != options.layout.name) {
    differences.push_back(fmt::format("the file was written with layout {}, it is compared with layout {}",
                                      quote_name(*layout), quote_name(options.layout.name)));
  } else if (digest && *digest != options.layout.digest()) {
    differences.push_back(fmt::format("the file was written with another layout {}: its text was {}",
                                      quote_name(options.layout.name), quote_name(identity.layout_text.value_or(""))));
  }

  MaterializeOptions expected_options = options;
  if (std::holds_alternative<Now>(options.at)) {
    const auto& event = identity.event;
    if (event && *event > reader.last()) {
      differences.push_back(
          fmt::format("the file is as of event {}, but the journal ends at event {}", *event, reader.last()));
    } else if (event) {
      expected_options.at = AtSequence{*event};
    }
  }
  const ScratchFolder scratch;
  // What it refuses is in no file.
  auto report = materialize(reader, scratch.file(), expected_options);
  if (report.no_file)
    throw InvalidError(fmt::format("compare {}: layout {} writes no file: {}", file.string(),
                                   quote_name(options.layout.name), *report.no_file));
  if (refused != nullptr) *refused = std::move(report.refused);
  const Hdf5File expected = open_results(scratch.file());
  std::vector<std::string> objects = compare_hdf5(expected.id(), found.id());
  differences.insert(differences.end(), std::make_move_iterator(objects.begin()),
                     std::make_move_iterator(objects.end()));
  return differences;
}

}  // namespace daybook
