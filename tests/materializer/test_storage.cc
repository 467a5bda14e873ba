// How one dataset is kept: what HDF5 says of the file afterwards, and that no setting costs a dataset.
#include <hdf5.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "daybook/journal/error.h"
#include "daybook/materializer/fill_value.h"
#include "daybook/materializer/filters.h"
#include "daybook/materializer/hdf5_filters.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace daybook::detail;
using test::FreshFolder;

const Filter gzip4 = {gzip_filter, "gzip", {4}};

Storage storage(const std::function<void(Storage&)>& set) {
  Storage made;
  set(made);
  return made;
}

Written write(Plan& plan, const fs::path& path) {
  settle(plan);
  OutputFile output(path);
  Written written = write_hdf5(plan, output.descriptor(), output.path(), output.target(), {}, 2);
  output.commit();
  return written;
}

// One dataset, written with a storage, and the file that came of it.
struct Kept {
  Kept(Value value, const Storage& storage) {
    Plan plan;
    plan.nodes = {
        {.path = "/x", .source = std::move(value), .form = AsDataset{storage}, .attributes = {}, .origin = "test"}};
    const Written written = write(plan, folder / "x.h5");
    CHECK(written.refused.empty());
    notes = written.notes;
    file = Hdf5File(H5Fopen((folder / "x.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open");
    dataset = Hdf5Dataset(H5Dopen2(file.id(), "/x", H5P_DEFAULT), "open dataset");
    creation = Hdf5Properties(H5Dget_create_plist(dataset.id()), "properties");
  }

  [[nodiscard]] H5D_layout_t layout() const { return H5Pget_layout(creation.id()); }
  [[nodiscard]] Shape chunk() const {
    hsize_t dims[32];
    const int rank = H5Pget_chunk(creation.id(), 32, dims);
    Shape out;
    for (int i = 0; i < rank; ++i) out.push_back(dims[i]);
    return out;
  }
  [[nodiscard]] bool extendible() const {
    const Hdf5Space space(H5Dget_space(dataset.id()), "space");
    hsize_t dims[32], ends[32];
    const int rank = H5Sget_simple_extent_dims(space.id(), dims, ends);
    return rank > 0 && std::all_of(ends, ends + rank, [](hsize_t end) { return end == H5S_UNLIMITED; });
  }
  [[nodiscard]] std::vector<int> filters() const {
    std::vector<int> ids;
    for (int i = 0; i < H5Pget_nfilters(creation.id()); ++i) {
      unsigned flags = 0, config = 0;
      std::size_t count = 0;
      ids.push_back(
          H5Pget_filter2(creation.id(), static_cast<unsigned>(i), &flags, &count, nullptr, 0, nullptr, &config));
    }
    return ids;
  }
  [[nodiscard]] std::vector<double> doubles() const {
    const Hdf5Space space(H5Dget_space(dataset.id()), "space");
    std::vector<double> numbers(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())));
    check_hdf5(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), "read");
    return numbers;
  }
  [[nodiscard]] std::string note() const {
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].key == "/x");
    CHECK(notes[0].reason.find('\n') == std::string::npos);
    return notes[0].reason;
  }

  FreshFolder folder;
  std::vector<Refusal> notes;
  Hdf5File file;
  Hdf5Dataset dataset;
  Hdf5Properties creation;
};

std::vector<double> counted(std::size_t count) {
  std::vector<double> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return numbers;
}

const std::vector<double> numbers = counted(60000);
Value array(const Shape& shape) { return Value::array(numbers.data(), shape); }

template <class T>
T fill_of(const Kept& kept, hid_t type) {
  T value{};
  check_hdf5(H5Pget_fill_value(kept.creation.id(), type, &value), "fill value");
  return value;
}

}  // namespace

TEST_CASE("storage is what was asked for") {
  CHECK(Kept(array({100, 50}), {}).layout() == H5D_CONTIGUOUS);
  CHECK(Kept(array({100, 50}), storage([](auto& s) { s.kind = Storage::Kind::contiguous; })).layout() ==
        H5D_CONTIGUOUS);
  CHECK(Kept(array({100, 50}), storage([](auto& s) { s.kind = Storage::Kind::compact; })).layout() == H5D_COMPACT);
  CHECK(Kept(Value(1.5), storage([](auto& s) { s.kind = Storage::Kind::compact; })).layout() == H5D_COMPACT);
  CHECK(Kept(array({100, 50}), storage([](auto& s) { s.kind = Storage::Kind::chunked; })).chunk() == Shape{100, 50});
  CHECK(Kept(array({100, 50}), storage([](auto& s) { s.chunk = {7, 50}; })).chunk() == Shape{7, 50});
  CHECK(Kept(array({100, 50}), storage([](auto& s) { s.chunk = {1000, 3}; })).chunk() == Shape{100, 3});
  CHECK(Kept(array({60000}), storage([](auto& s) { s.chunk_bytes = 80000; })).chunk() == Shape{10000});
  CHECK(Kept(array({100, 600}), storage([](auto& s) { s.chunk_bytes = 4800 * 4; })).chunk() == Shape{4, 600});
  CHECK(Kept(array({10, 6000}), storage([](auto& s) { s.chunk_bytes = 24000; })).chunk() == Shape{1, 3000});
  const Kept kept(array({3, 4}), storage([](auto& s) { s.extendible = true; }));
  CHECK(kept.extendible());
  CHECK(kept.layout() == H5D_CHUNKED);
  CHECK(element_count(kept.chunk()) * 8 >= 4096);
  CHECK(kept.doubles() == counted(12));
  const Kept larger(array({3, 4}), storage([](auto& s) {
                      s.extendible = true;
                      s.chunk = {100, 4};
                    }));
  CHECK(larger.chunk() == Shape{100, 4});
  CHECK(larger.doubles() == counted(12));
}

TEST_CASE("an empty array can be extendible") {
  for (const Shape& shape : {Shape{0}, Shape{0, 512}, Shape{3, 0}}) {
    const Kept kept(array(shape), storage([](auto& s) {
                      s.extendible = true;
                      s.filters = {gzip4};
                    }));
    CHECK(kept.notes.empty());
    CHECK(kept.extendible());
    CHECK(kept.filters() == std::vector<int>{gzip_filter});
    CHECK(element_count(kept.chunk()) * 8 <= 1 << 20);
  }
}

TEST_CASE("texts of any length can be extendible") {
  const std::vector<std::string_view> texts = {"a", "", "ccc"};
  const Kept kept(Value::strings({3}, texts), storage([](auto& s) { s.extendible = true; }));
  CHECK(kept.extendible());
  char* read[3] = {};
  const Hdf5Type type(H5Dget_type(kept.dataset.id()), "type");
  check_hdf5(H5Dread(kept.dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, read), "read");
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(read[i] == texts[i]);
    H5free_memory(read[i]);
  }
}

TEST_CASE("what has no chunks is kept without them, and nothing is said of it") {
  const Storage wanted = storage([](auto& s) {
    s.filters = {{shuffle_filter, "shuffle", {}}, gzip4};
    s.chunk = {5};
    s.extendible = false;
  });
  const std::vector<std::string_view> texts = {"a", "", "ccc"};
  for (const Value& value :
       {Value(1.5), Value::null(Type::of<double>()), array({0}), Value("text"), Value::strings({3}, texts)}) {
    const Kept kept(value, wanted);
    CHECK(kept.notes.empty());
    CHECK(kept.layout() == H5D_CONTIGUOUS);
  }
  const Kept scalar(Value(1.5), storage([](auto& s) { s.extendible = true; }));
  CHECK(scalar.notes.empty());
  CHECK(scalar.layout() == H5D_CONTIGUOUS);
}

TEST_CASE("a setting that makes no sense does not cost the dataset: default storage, and a note") {
  const auto refused = [](const Shape& shape, const std::function<void(Storage&)>& set) {
    const Kept kept(array(shape), storage(set));
    CHECK(kept.layout() == H5D_CONTIGUOUS);
    CHECK(kept.doubles() == counted(element_count(shape)));
    const std::string note = kept.note();
    const std::string start = "written with the default storage: ";
    CHECK(note.starts_with(start));
    return note.substr(start.size());
  };
  CHECK(refused({10}, [](auto& s) { s.chunk = {0}; }) == "chunks (0) have no elements");
  CHECK(refused({10}, [](auto& s) { s.chunk = {2, 3}; }) == "chunks (2, 3) have 2 dimensions, the array 1");
  CHECK(refused({10}, [](auto& s) {
          s.extendible = true;
          s.chunk = {1UL << 40};
        }) == "chunks (1099511627776) are too large: HDF5's end at 4 GiB");
  CHECK(refused({10}, [](auto& s) {
          s.chunk_bytes = 1UL << 33;
        }).starts_with("chunks of 8589934592 bytes are too large"));
  CHECK(refused({10}, [](auto& s) {
          s.filters = {{gzip_filter, "gzip", {10}}};
        }) == "gzip takes one option, a level from 0 to 9");
  CHECK(refused({10}, [](auto& s) { s.filters = {{70000, "none", {}}}; }) == "70000 is not a number of an HDF5 filter");
  CHECK(refused({10000}, [](auto& s) {
          s.kind = Storage::Kind::compact;
        }).starts_with("80000 bytes are too many for compact storage"));
  CHECK(refused({10}, [](auto& s) {
          s.kind = Storage::Kind::compact;
          s.filters = {gzip4};
        }) == "compact storage has no chunks, so it takes no filters");
  CHECK(refused({10}, [](auto& s) {
          s.kind = Storage::Kind::contiguous;
          s.extendible = true;
        }) == "contiguous storage has no chunks, so it takes no extendible dimensions");
  CHECK(refused({60000}, [](auto& s) {
          s.filters = {{szip_filter, "szip", {32, 7}}};
        }).find("szip") != std::string::npos);
  CHECK(refused({10}, [](auto& s) { s.filters = {{zfp_filter + 1000, "", {}}}; }).find("filter") != std::string::npos);
}

TEST_CASE("compact storage holds what HDF5 can read back") {
  const Storage compact = storage([](auto& s) { s.kind = Storage::Kind::compact; });
  for (const std::size_t size : {1UL, 65520UL, 65523UL, 65524UL}) {
    std::vector<std::uint8_t> bytes(size, 7);
    const Kept kept(Value::array(bytes.data(), {size}), compact);
    CHECK(kept.layout() == H5D_COMPACT);
    CHECK(kept.doubles() == std::vector<double>(size, 7));
  }
  const std::vector<std::uint8_t> bytes(65525, 7);
  const Kept kept(Value::array(bytes.data(), {65525}), compact);
  CHECK(kept.layout() == H5D_CONTIGUOUS);
  CHECK(kept.note().find("65525 bytes are too many") != std::string::npos);
}

TEST_CASE("so many tiny chunks that they cannot be meant are refused") {
  const std::vector<std::uint8_t> bytes(1000001);
  const Kept kept(Value::array(bytes.data(), {1000001}), storage([](auto& s) { s.chunk = {1}; }));
  CHECK(kept.note().find("1000001 chunks of 1 bytes") != std::string::npos);
}

TEST_CASE("HDF5's own filters can be had, and read back") {
  for (const Filter& filter : {Filter{szip_filter, "szip", {32, 8}}, Filter{nbit_filter, "nbit", {}},
                               Filter{scale_offset_filter, "scale-offset", {0, 3}}}) {
    CAPTURE(filter.name);
    const Kept kept(array({100, 600}), storage([&](auto& s) { s.filters = {filter}; }));
    CHECK(kept.notes.empty());
    CHECK(kept.filters() == std::vector<int>{filter.id});
    CHECK(kept.doubles() == numbers);
  }
}

TEST_CASE("a fill value becomes one of the dataset's type") {
  const auto with = [](Value fill) { return storage([&](auto& s) { s.fill_value = std::move(fill); }); };
  CHECK(fill_of<double>(Kept(array({10}), with(-1)), H5T_NATIVE_DOUBLE) == -1);
  const std::vector<std::int16_t> shorts(10);
  const Kept kept(Value::array(shorts.data(), {10}), with(7.0));
  CHECK(kept.notes.empty());
  CHECK(fill_of<int>(kept, H5T_NATIVE_INT) == 7);
  const Kept beyond(Value::array(shorts.data(), {10}), with(40000));
  CHECK(beyond.note() == "written without its fill value: a fill value for type <i2: it cannot hold 40000");
  const Kept text(Value("abc"), with("-"));
  CHECK(text.notes.empty());
  H5D_fill_value_t status{};
  check_hdf5(H5Pfill_value_defined(text.creation.id(), &status), "fill value");
  CHECK(status == H5D_FILL_VALUE_USER_DEFINED);
  // The end of an edge chunk, which others see when they extend the dataset.
  Storage growing = with(-1);
  growing.extendible = true;
  growing.chunk = {8};
  growing.filters = {gzip4};
  const Kept extended(array({10}), growing);
  fs::copy_file(extended.folder / "x.h5", extended.folder / "y.h5");
  const Hdf5File file(H5Fopen((extended.folder / "y.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "open");
  const Hdf5Dataset dataset(H5Dopen2(file.id(), "/x", H5P_DEFAULT), "open dataset");
  const hsize_t size = 12;
  check_hdf5(H5Dset_extent(dataset.id(), &size), "extend");
  std::vector<double> read(size);
  check_hdf5(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.data()), "read");
  CHECK(read == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -1, -1});
}

TEST_CASE("fill values that a type cannot hold") {
  const auto u8 = Type::of<std::uint8_t>();
  CHECK(fill_bytes(255, u8) == std::vector{std::byte{255}});
  CHECK_THROWS_AS(fill_bytes(256, u8), InvalidError);
  CHECK_THROWS_AS(fill_bytes(-1, u8), InvalidError);
  CHECK_THROWS_AS(fill_bytes(0.5, u8), InvalidError);
  CHECK_THROWS_AS(fill_bytes(std::nan(""), u8), InvalidError);
  CHECK_THROWS_AS(fill_bytes("a", u8), InvalidError);
  CHECK_THROWS_AS(fill_bytes(-1, Type::of<std::uint64_t>()), InvalidError);
  CHECK(fill_bytes(std::numeric_limits<std::int64_t>::min(), Type::of<std::int64_t>()).back() == std::byte{0x80});
  CHECK_THROWS_AS(fill_bytes(std::numeric_limits<std::uint64_t>::max(), Type::of<std::int64_t>()), InvalidError);
  CHECK_THROWS_AS(fill_bytes(1e300, Type::of<float>()), InvalidError);
  CHECK_NOTHROW(fill_bytes(0.1, Type::of<float>()));
  CHECK_NOTHROW(fill_bytes(std::nan(""), Type::of<float>()));
  CHECK(fill_bytes(258, Type(Kind::integer, 2, ByteOrder::big)) == std::vector{std::byte{1}, std::byte{2}});
  CHECK_THROWS_AS(fill_bytes(2, Type()), InvalidError);
  CHECK_THROWS_AS(fill_bytes("abc", Type::fixed_string(2)), InvalidError);
  CHECK(fill_bytes("a", Type::fixed_string(2)) == std::vector{std::byte{'a'}, std::byte{0}});
  const Type color = Type::enumeration(Type::of<std::int8_t>(), {"red", "blue"}, {0, 5});
  CHECK(fill_bytes("blue", color) == std::vector{std::byte{5}});
  CHECK_THROWS_AS(fill_bytes("green", color), InvalidError);
  CHECK_THROWS_AS(fill_bytes(0, Type::opaque(3)), InvalidError);
  CHECK_THROWS_AS(fill_bytes(std::complex<double>(1, 2), Type::of<double>()), InvalidError);
}

TEST_CASE("object times are kept on request") {
  H5O_info_t info{};
  const Kept kept(array({10}), storage([](auto& s) { s.track_times = true; }));
  check_hdf5(H5Oget_info2(kept.dataset.id(), &info, H5O_INFO_TIME), "times");
  CHECK(info.ctime > 1600000000);
  const Kept without(array({10}), {});
  check_hdf5(H5Oget_info2(without.dataset.id(), &info, H5O_INFO_TIME), "times");
  CHECK(info.ctime == 0);
}

TEST_CASE("a filter that is not there is an error before anything is written") {
  Plan plan;
  plan.nodes = {{.path = "/a/x",
                 .source = Value(1),
                 .form = AsDataset{storage([](auto& s) {
                   s.filters = {{zfp_filter + 1000, "", {}}};
                 })},
                 .attributes = {},
                 .edits = {"compress"}}};
  CHECK_THROWS_WITH(require_filters(plan),
                    "/a/x (layout transform compress) needs filter 33013, which HDF5 does not find here: no "
                    "Debian package brings it; put its plug-in into a folder that HDF5_PLUGIN_PATH names");
  CHECK(filter_advice(32004) == "install the Debian package hdf5-filter-plugin");
}
