// From a real journal to a file, and back by comparison.
#include <hdf5.h>

#include <catch2/catch.hpp>

#include "daybook/journal/journal.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/materialize.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace daybook::detail;
using test::FreshFolder;
using test::read_file;

// Some of everything; returns the sequence number of the checkpoint "middle".
Sequence record(const fs::path& dir) {
  RunInfo info;
  info.rid = 12;
  info.class_name = "Example";
  info.expid = "{\"log_level\": 30}";
  info.start_time = 1.5;
  info.software_version = "7.0";
  Journal journal = Journal::create(dir, info);
  const std::vector<double> numbers(2000, 0.5);
  SetOptions options;
  options.metadata = {{"unit", Value("V")}, {"precision", Value(3)}};
  journal.set("scan/x", Value(1.0), options);
  journal.set("array", Value::array(numbers.data(), {2000}));
  journal.archive("calibration", Value(7));
  journal.archive("array", Value("of an earlier run"));
  const Sequence middle = journal.checkpoint("middle");
  journal.stage("run", 2.5);
  journal.set("list", Value::list({}));
  for (int i = 0; i < 1000; ++i) journal.append("list", Value(i));
  journal.set("scan", Value(1));  // no place: scan/x is there
  journal.set("none", Value::unstorable("NoneType", "None"));
  journal.set("hidden", Value(1), {.archive = false, .metadata = {}, .storage = {}});
  journal.set("text", Value("µ"));
  journal.finish();
  return middle;
}

Hdf5File open(const fs::path& path) { return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open"}; }
bool has(const Hdf5File& file, const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  return (parent.empty() || H5Lexists(file.id(), parent.c_str(), H5P_DEFAULT) > 0) &&
         H5Lexists(file.id(), path.c_str(), H5P_DEFAULT) > 0;
}

Layout layout(const char* name, TransformOptions options = {}) {
  Layout made;
  made.name = "test";
  made.steps.push_back({name, options, built_in_transforms().make(name, options)});
  return made;
}

}  // namespace

TEST_CASE("a finished run becomes a file") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  const MaterializeReport report = materialize(reader, folder / "x.h5");
  CHECK(report.complete);
  CHECK(report.up_to == reader.last());
  CHECK(report.bytes == fs::file_size(folder / "x.h5"));
  CHECK(report.datasets == 6);
  REQUIRE(report.refused.size() == 2);
  CHECK(report.refused[0].key == "scan");
  CHECK(report.refused[1].key == "none");
  const Hdf5File file = open(folder / "x.h5");
  for (const char* path :
       {"/datasets/scan/x", "/datasets/array", "/datasets/list", "/datasets/text", "/archive/calibration",
        "/archive/array", "/artiq_version", "/rid", "/start_time", "/run_time", "/expid"})
    CHECK(has(file, path));
  for (const char* path : {"/datasets/none", "/datasets/hidden"}) CHECK_FALSE(has(file, path));
  CHECK(H5Aexists_by_name(file.id(), "/datasets/scan/x", "unit", H5P_DEFAULT) > 0);
  for (const char* name : {"daybook_journal", "daybook_event", "daybook_layout", "daybook_complete"})
    CHECK(H5Aexists(file.id(), name) > 0);
  CHECK(folder.entries() == 2);
}

TEST_CASE("a file as of a checkpoint holds what was there then") {
  const FreshFolder folder;
  const Sequence middle = record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  MaterializeOptions options;
  options.at = AtCheckpoint{"middle"};
  const MaterializeReport report = materialize(reader, folder / "x.h5", options);
  CHECK(report.up_to == middle);
  CHECK_FALSE(report.complete);
  CHECK(report.refused.empty());
  {
    const Hdf5File file = open(folder / "x.h5");
    CHECK(has(file, "/datasets/scan/x"));
    CHECK_FALSE(has(file, "/datasets/list"));
    CHECK_FALSE(has(file, "/run_time"));
  }
  CHECK(compare(reader, folder / "x.h5").empty());  // as of the event the file names
}

TEST_CASE("only and exclude choose keys") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  MaterializeOptions options;
  options.only = {"*a*", "list"};
  options.exclude = {"arr*"};
  const MaterializeReport report = materialize(reader, folder / "x.h5", options);
  const Hdf5File file = open(folder / "x.h5");
  for (const char* path : {"/datasets/list", "/archive/calibration", "/rid", "/datasets/scan"}) CHECK(has(file, path));
  for (const char* path : {"/datasets/array", "/archive/array", "/datasets/text"}) CHECK_FALSE(has(file, path));
}

TEST_CASE("layouts change the file and not the values") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  MaterializeOptions options;
  options.layout = layout("compress", {{"min-bytes", std::int64_t{0}}});
  CHECK(materialize(reader, folder / "gzip.h5", options).datasets == 6);
  CHECK(materialize(reader, folder / "plain.h5").bytes > fs::file_size(folder / "gzip.h5"));
  CHECK(compare(reader, folder / "gzip.h5", options).empty());
  const std::vector<std::string> differences = compare(reader, folder / "gzip.h5");
  REQUIRE(differences.size() == 1);  // the name of the layout alone
  CHECK(differences[0].find("layout") != std::string::npos);

  options.layout = layout("merge-archive");
  CHECK(materialize(reader, folder / "merged.h5", options).datasets == 5);
  const Hdf5File file = open(folder / "merged.h5");
  CHECK(has(file, "/datasets/calibration"));
  CHECK_FALSE(has(file, "/archive"));
}

TEST_CASE("the same journal gives the same bytes") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  CHECK(materialize(Reader(folder / "run.daybook"), folder / "1.h5").bytes > 0);
  CHECK(materialize(Reader(folder / "run.daybook"), folder / "2.h5").bytes > 0);
  CHECK(read_file(folder / "1.h5") == read_file(folder / "2.h5"));
}

TEST_CASE("whatever goes wrong, the old file stays and no litter") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  test::write_file(folder / "x.h5", "old");
  struct OwnError {};
  MaterializeOptions options;
  options.progress = [](std::uint64_t, std::uint64_t) { throw OwnError{}; };
  CHECK_THROWS_AS(materialize(reader, folder / "x.h5", options), OwnError);
  options = {};
  options.layout.name = "mine";
  options.layout.steps = {{"broken", {}, [](Plan&) { throw std::out_of_range("oops"); }}};
  CHECK_THROWS_WITH(materialize(reader, folder / "x.h5", options), "layout mine: transform 1 (broken) failed: oops");
  CHECK_THROWS_AS(materialize(reader, folder / "x.h5", options), InvalidError);
  options = {};
  options.at = AtSequence{100000};
  CHECK_THROWS_AS(materialize(reader, folder / "x.h5", options), InvalidError);
  CHECK_THROWS_AS(materialize(reader, folder / "none" / "x.h5"), StorageError);
  CHECK(read_file(folder / "x.h5") == "old");
  CHECK(folder.entries() == 2);
}

TEST_CASE("progress ends at the total and never goes back") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  std::uint64_t last = 0, all = 0;
  MaterializeOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last);
    CHECK(done <= total);
    last = done;
    all = total;
  };
  CHECK(materialize(Reader(folder / "run.daybook"), folder / "x.h5", options).complete);
  CHECK(last == all);
  CHECK(all > 16000);
}

TEST_CASE("a file is compared with its journal object by object") {
  const FreshFolder folder;
  record(folder / "run.daybook");
  const Reader reader(folder / "run.daybook");
  const fs::path path = folder / "x.h5";
  CHECK(materialize(reader, path).complete);
  CHECK(compare(reader, path).empty());
  const auto damaged = [&](const auto& damage) {
    CHECK(materialize(reader, path).complete);
    {
      const Hdf5File file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "open");
      damage(file.id());
    }
    const std::vector<std::string> differences = compare(reader, path);
    REQUIRE(differences.size() == 1);
    return differences[0];
  };
  const auto overwrite = [](hid_t file, const char* path_in_file, hid_t type, const void* element, hsize_t at) {
    const Hdf5Dataset dataset(H5Dopen2(file, path_in_file, H5P_DEFAULT), "open");
    const Hdf5Space space(H5Dget_space(dataset.id()), "space"), memory(H5Screate(H5S_SCALAR), "space");
    if (H5Sget_simple_extent_ndims(space.id()) > 0) H5Sselect_elements(space.id(), H5S_SELECT_SET, 1, &at);
    check_hdf5(H5Dwrite(dataset.id(), type, memory.id(), space.id(), H5P_DEFAULT, element), "write");
  };
  CHECK(damaged([&](hid_t file) {
          const double v = 3;
          overwrite(file, "/datasets/array", H5T_NATIVE_DOUBLE, &v, 1234);
        }) == "\"/datasets/array\" differs, first at element 1234 (in C order)");
  CHECK(damaged([&](hid_t file) {
          const char* text = "other";
          const Hdf5Type type(H5Dget_type(Hdf5Dataset(H5Dopen2(file, "/datasets/text", H5P_DEFAULT), "open").id()),
                              "type");
          overwrite(file, "/datasets/text", type.id(), &text, 0);
        }) == "\"/datasets/text\" differs, first at element 0 (in C order)");
  CHECK(damaged([](hid_t file) { H5Ldelete(file, "/datasets/list", H5P_DEFAULT); }) ==
        "\"/datasets/list\" is missing from the file");
  CHECK(damaged([](hid_t file) { H5Adelete_by_name(file, "/datasets/scan/x", "unit", H5P_DEFAULT); }) ==
        "attribute \"unit\" of \"/datasets/scan/x\" is missing from the file");
  CHECK(damaged([](hid_t file) {
          Hdf5Group(H5Gcreate2(file, "extra", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "create");
        }) == "\"/extra\" is in the file but not in the journal");
  CHECK(damaged([](hid_t file) {
          H5Ldelete(file, "/rid", H5P_DEFAULT);
          const Hdf5Space space(H5Screate(H5S_SCALAR), "space");
          Hdf5Dataset(H5Dcreate2(file, "rid", H5T_IEEE_F64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                      "create");
        }) == "\"/rid\" has another type");
  CHECK(damaged([](hid_t file) {
          H5Ldelete(file, "/datasets/array", H5P_DEFAULT);
          const hsize_t dims[] = {40, 50};
          const Hdf5Space space(H5Screate_simple(2, dims, nullptr), "space");
          Hdf5Dataset(
              H5Dcreate2(file, "/datasets/array", H5T_IEEE_F64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              "create");
        }) == "\"/datasets/array\" has shape (40, 50) instead of (2000)");

  record(folder / "other.daybook");
  const std::vector<std::string> other = compare(Reader(folder / "other.daybook"), path);
  REQUIRE_FALSE(other.empty());
  CHECK(other[0].starts_with("the file was written from another journal: "));
  test::write_file(folder / "text.h5", "no HDF5");
  CHECK_THROWS_AS(compare(reader, folder / "text.h5"), UnsupportedError);
  CHECK_THROWS_AS(compare(reader, folder / "absent.h5"), StorageError);
}
