// The writer alone: plans of constants, read back through HDF5's own API. That the files are h5py's is for the golden
// tests to show.
#include <hdf5.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <numeric>

#include "daybook/journal/error.h"
#include "daybook/materializer/hdf5_driver.h"
#include "daybook/materializer/hdf5_elements.h"
#include "daybook/materializer/hdf5_types.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace daybook::detail;
using test::FreshFolder;
using test::read_file;

Storage gzip() { return {.filters = {{gzip_filter, "gzip", {1}}}, .chunk = {}, .fill_value = {}}; }

Node constant(std::string path, Value value, Storage storage = {}) {
  return {.path = std::move(path), .source = std::move(value), .form = AsDataset{storage}, .attributes = {}};
}

Written write(Plan& plan, const fs::path& path) {
  settle(plan);
  OutputFile output(path);
  Written written = write_hdf5(plan, output.descriptor(), output.path(), output.target(), {});
  output.commit();
  return written;
}

Hdf5File open(const fs::path& path) { return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open"}; }
Hdf5Dataset dataset(const Hdf5File& file, const char* path) {
  return {H5Dopen2(file.id(), path, H5P_DEFAULT), "open dataset"};
}
bool has(const Hdf5File& file, const char* path) { return H5Lexists(file.id(), path, H5P_DEFAULT) > 0; }

std::vector<double> doubles(const Hdf5Dataset& from) {
  const Hdf5Space space(H5Dget_space(from.id()), "space");
  std::vector<double> numbers(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())));
  check_hdf5(H5Dread(from.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), "read");
  return numbers;
}

std::vector<double> counted(std::size_t count) {
  std::vector<double> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return numbers;
}

// Elements that stand nowhere: they are made when asked for.
class Counting : public Elements {
 public:
  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    largest = std::max(largest, count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto number = static_cast<double>(first + i + 1);
      std::memcpy(out + i * sizeof number, &number, sizeof number);
    }
  }
  void read_variable(std::uint64_t, std::uint64_t, std::string_view*) const override {}
  mutable std::uint64_t largest = 0;
};

// Limits the size of files that this process can write; as a full disk, but for the reason.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit old_{};
};

ssize_t open_ids() { return H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL); }

}  // namespace

TEST_CASE("types are h5py's") {
  const auto equal = [](const Type& type, hid_t wanted) { return H5Tequal(make_hdf5_type(type).id(), wanted) > 0; };
  CHECK(equal(Type::of<double>(), H5T_IEEE_F64LE));
  CHECK(equal(Type(Kind::floating, 4, ByteOrder::big), H5T_IEEE_F32BE));
  CHECK(equal(Type(Kind::integer, 2, ByteOrder::big), H5T_STD_I16BE));
  CHECK(equal(Type::of<std::uint64_t>(), H5T_STD_U64LE));
  CHECK(equal(Type::of<std::int8_t>(), H5T_STD_I8LE));
  CHECK(equal(Type::of<long double>(), H5T_NATIVE_LDOUBLE));
  const Hdf5Type half = make_hdf5_type(Type(Kind::floating, 2));
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 1, mantissa_bits = 0;
  H5Tget_fields(half.id(), &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
  CHECK(std::vector<std::size_t>{sign, exponent, exponent_bits, mantissa, mantissa_bits} ==
        std::vector<std::size_t>{15, 10, 5, 0, 10});
  CHECK(H5Tget_ebias(half.id()) == 15);
  CHECK(H5Tget_precision(half.id()) == 16);

  const Hdf5Type boolean = make_hdf5_type(Type());
  signed char value = 5;
  CHECK(H5Tenum_valueof(boolean.id(), "TRUE", &value) >= 0);
  CHECK(value == 1);
  CHECK(H5Tget_size(boolean.id()) == 1);

  const Hdf5Type text = make_hdf5_type(Type::string(Charset::utf8)), fixed = make_hdf5_type(Type::fixed_string(3));
  CHECK(H5Tis_variable_str(text.id()) > 0);
  CHECK(H5Tget_cset(text.id()) == H5T_CSET_UTF8);
  CHECK(H5Tget_strpad(text.id()) == H5T_STR_NULLTERM);
  CHECK(H5Tget_strpad(fixed.id()) == H5T_STR_NULLPAD);
  CHECK(H5Tget_cset(fixed.id()) == H5T_CSET_ASCII);
  CHECK(H5Tget_size(fixed.id()) == 3);

  const Type inner = Type::compound(8, {{"q", 0, Type::of<std::complex<float>>(), {}}});
  const Hdf5Type record =
      make_hdf5_type(Type::compound(40, {{"b", 8, inner, {2}}, {"a", 0, Type(Kind::integer, 4, ByteOrder::big), {}}}));
  CHECK(H5Tget_size(record.id()) == 40);
  CHECK(H5Tget_member_offset(record.id(), 0) == 8);
  CHECK(H5Tget_member_class(record.id(), 0) == H5T_ARRAY);
  CHECK(H5Tget_member_offset(record.id(), 1) == 0);

  const Hdf5Type names =
      make_hdf5_type(Type::enumeration(Type(Kind::integer, 2, ByteOrder::big), {"minus", "many"}, {-2, 300}));
  unsigned char bytes[2] = {};
  CHECK(H5Tenum_valueof(names.id(), "many", bytes) >= 0);
  CHECK((bytes[0] == 1 && bytes[1] == 44));
}

TEST_CASE("constants are written, each in its form") {
  const FreshFolder folder;
  const std::vector<double> numbers = counted(6);
  const std::string_view texts[] = {"ä", "", "c"};
  Plan plan;
  plan.nodes = {constant("/group/x", Value(1.5)),
                constant("/group/a", Value::array(numbers.data(), {2, 3})),
                constant("/group/empty", Value::array(numbers.data(), {2, 0, 3})),
                constant("/texts", Value::strings({3}, texts)),
                constant("/nothing", Value::null(Type::of<double>())),
                {.path = "/only", .source = {}, .form = AsGroup{}, .attributes = {{"n", Value(7)}}},
                {.path = "/link", .source = {}, .form = AsLink{.target = "/group/x", .file = {}}, .attributes = {}},
                {.path = "/as", .source = Value("V"), .form = AsAttribute{"/group/x", "unit"}, .attributes = {}},
                {.path = "/out", .source = Value(1), .form = Omitted{"a test"}, .attributes = {}}};
  CHECK(write(plan, folder / "x.h5").refused.empty());
  const Hdf5File file = open(folder / "x.h5");
  CHECK(doubles(dataset(file, "/link")) == std::vector<double>{1.5});
  CHECK(doubles(dataset(file, "/group/a")) == numbers);
  CHECK(doubles(dataset(file, "/group/empty")).empty());
  CHECK(H5Aexists_by_name(file.id(), "/group/x", "unit", H5P_DEFAULT) > 0);
  CHECK(H5Aexists_by_name(file.id(), "/only", "n", H5P_DEFAULT) > 0);
  CHECK(H5Sget_simple_extent_type(Hdf5Space(H5Dget_space(dataset(file, "/nothing").id()), "space").id()) == H5S_NULL);
  CHECK_FALSE(has(file, "/out"));
  const Hdf5Dataset strings = dataset(file, "/texts");
  char* read[3] = {};
  const Hdf5Type type(H5Dget_type(strings.id()), "type");
  REQUIRE(H5Dread(strings.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0);
  for (int i = 0; i < 3; ++i) {
    CHECK(std::string(read[i]) == texts[i]);
    H5free_memory(read[i]);
  }
}

TEST_CASE("what cannot be written costs only itself") {
  const FreshFolder folder;
  const std::vector<double> large = counted(10000);
  Plan plan;
  Node good = constant("/good", Value(1.0));
  good.attributes = {{"before", Value(1)},
                     {"large", Value::array(large.data(), {10000})},
                     {"", Value(1)},
                     {"bad", Value::unstorable("set", "{1}")},
                     {"after", Value(2)}};
  plan.nodes = {constant("/bad", Value::unstorable("NoneType", "None")),
                std::move(good),
                constant("/nul", Value(std::string_view("a\0b", 3))),
                {.path = "/late", .source = Value(1), .form = AsAttribute{"/bad", "a"}, .attributes = {}},
                {.path = "/custom",
                 .source = Value(1),
                 .form = Custom{"a throwing one", [](auto, auto&, auto) { throw std::runtime_error("on purpose"); }},
                 .attributes = {}},
                constant("/last", Value(2.0))};
  const Written written = write(plan, folder / "x.h5");
  std::vector<std::string> keys;
  for (const Refusal& refusal : written.refused) {
    keys.push_back(refusal.key);
    CHECK(refusal.reason.find('\n') == std::string::npos);
  }
  CHECK(keys == std::vector<std::string>{"/bad", "/good", "/good", "/nul", "/custom"});
  CHECK(written.refused[4].reason == "custom writer a throwing one failed: on purpose");
  REQUIRE(written.notes.size() == 1);
  CHECK(written.notes[0].key == "/late");
  CHECK(written.notes[0].reason.starts_with("stands at /late: it could not become attribute \"a\" of /bad: "));
  const Hdf5File file = open(folder / "x.h5");
  CHECK(doubles(dataset(file, "/last")) == std::vector<double>{2.0});
  CHECK(H5Aexists_by_name(file.id(), "/good", "after", H5P_DEFAULT) > 0);
  CHECK(H5Aexists_by_name(file.id(), "/good", "large", H5P_DEFAULT) > 0);
  CHECK(doubles(dataset(file, "/late")) == std::vector<double>{1.0});
  CHECK_FALSE(has(file, "/bad"));
  CHECK_FALSE(has(file, "/nul"));
}

TEST_CASE("a custom node gets the raw file and its value") {
  const FreshFolder folder;
  Plan plan;
  plan.nodes = {{.path = "/deep/custom",
                 .source = Value(2.5),
                 .form = Custom{"own",
                                [](std::int64_t id, const std::string& path, const StoredValue* value) {
                                  double number = 0;
                                  REQUIRE(value != nullptr);
                                  value->elements->read(0, 1, reinterpret_cast<std::byte*>(&number));
                                  const Hdf5Space space(H5Screate(H5S_SCALAR), "space");
                                  const Hdf5Dataset made(H5Dcreate2(id, path.c_str(), H5T_IEEE_F64BE, space.id(),
                                                                    H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                                         "create");
                                  check_hdf5(
                                      H5Dwrite(made.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &number),
                                      "write");
                                }},
                 .attributes = {{"unit", Value("V")}}}};
  CHECK(write(plan, folder / "x.h5").refused.empty());
  const Hdf5File file = open(folder / "x.h5");
  CHECK(doubles(dataset(file, "/deep/custom")) == std::vector<double>{2.5});
  CHECK(H5Aexists_by_name(file.id(), "/deep/custom", "unit", H5P_DEFAULT) > 0);
}

TEST_CASE("blocks of a large array come to stand in order") {
  const FreshFolder folder;
  struct Case {
    Shape shape, chunk;
  };
  for (const Case& c :
       {Case{{1500000}, {}}, Case{{3, 1000, 700}, {}}, Case{{1500000}, {1000}}, Case{{3, 1000, 700}, {1, 300, 700}},
        Case{{3, 1000, 700}, {2, 300, 100}}, Case{{2, 3, 1000, 200}, {1, 2, 7, 200}}}) {
    const Hdf5File file(H5Fcreate((folder / "x.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "create");
    auto elements = std::make_unique<Counting>();
    const Counting& counting = *elements;
    StoredValue value{Form::array, Type::of<double>(), c.shape, std::move(elements)};
    const Hdf5Properties creation(H5Pcreate(H5P_DATASET_CREATE), "properties");
    const std::vector<hsize_t> dims(c.chunk.begin(), c.chunk.end());
    if (!dims.empty()) H5Pset_chunk(creation.id(), static_cast<int>(dims.size()), dims.data());
    const Hdf5Space space = make_space(value);
    const Hdf5Dataset made(
        H5Dcreate2(file.id(), "x", H5T_IEEE_F64LE, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), "create");
    std::uint64_t told = 0;
    write_elements(made.id(), H5T_IEEE_F64LE, value, c.chunk, [&](std::uint64_t done) { told = done; });
    CHECK(told == value.count());
    CHECK(doubles(made) == counted(value.count()));
    CHECK(counting.largest < value.count());
  }
}

TEST_CASE("automatic chunks are stretches of the array, never larger than it") {
  CHECK(choose_chunk(Shape{10}, 8) == Shape{10});
  CHECK(choose_chunk(Shape{65536}, 8) == Shape{32768});
  CHECK(choose_chunk(Shape{32769}, 8) == Shape{16385});
  CHECK(choose_chunk(Shape{100, 512, 512}, 8) == Shape{1, 64, 512});
  CHECK(choose_chunk(Shape{1000, 50}, 2) == Shape{1000, 50});
  CHECK(choose_chunk(Shape{5, 3}, 1 << 20) == Shape{1, 1});
}

TEST_CASE("filters go to arrays, and values stay") {
  const FreshFolder folder;
  const std::vector<double> numbers = counted(100000);
  const Storage storage{
      .filters = {{shuffle_filter, "shuffle", {}}, {gzip_filter, "gzip", {4}}}, .chunk = {}, .fill_value = {}};
  const std::string_view texts[] = {"a", "b"};
  Plan plan;
  plan.nodes = {constant("/a", Value::array(numbers.data(), {100, 1000}), storage),
                constant("/scalar", Value(1), storage), constant("/texts", Value::strings({2}, texts), storage),
                constant("/empty", Value::array(numbers.data(), {0}), storage)};
  CHECK(write(plan, folder / "x.h5").refused.empty());
  const Hdf5File file = open(folder / "x.h5");
  CHECK(doubles(dataset(file, "/a")) == numbers);
  const auto layout = [&](const char* path) {
    return H5Pget_layout(Hdf5Properties(H5Dget_create_plist(dataset(file, path).id()), "list").id());
  };
  CHECK(layout("/a") == H5D_CHUNKED);
  for (const char* path : {"/scalar", "/texts", "/empty"}) CHECK(layout(path) == H5D_CONTIGUOUS);
  CHECK(H5Pget_nfilters(Hdf5Properties(H5Dget_create_plist(dataset(file, "/a").id()), "list").id()) == 2);
  CHECK(H5Dget_storage_size(dataset(file, "/a").id()) < 400000);
}

TEST_CASE("the same plan gives the same bytes") {
  const FreshFolder folder;
  const std::vector<double> numbers = counted(100000);
  const auto example = [&] {
    Plan plan;
    std::vector<std::string_view> texts(5000, "some text");
    plan.nodes = {constant("/t", Value::strings({5000}, texts)),
                  constant("/a", Value::array(numbers.data(), {100000}), gzip()), constant("/s", Value("ü"))};
    for (int i = 0; i < 200; ++i) plan.nodes.push_back(constant("/g/" + std::to_string(i), Value(i)));
    return plan;
  };
  Plan first = example(), second = example();
  write(first, folder / "1.h5");
  write(second, folder / "2.h5");
  CHECK(read_file(folder / "1.h5") == read_file(folder / "2.h5"));
}

TEST_CASE("our file driver writes what HDF5's own does") {
  const FreshFolder folder;
  const auto fill = [](hid_t access, const fs::path& path) {
    Hdf5File file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), "create");
    const Hdf5Properties creation(H5Pcreate(H5P_DATASET_CREATE), "properties");
    H5Pset_obj_track_times(creation.id(), false);
    const std::vector<double> numbers = counted(3000);
    const hsize_t dims[] = {3000};
    const Hdf5Space space(H5Screate_simple(1, dims, nullptr), "space");
    for (int i = 0; i < 300; ++i) {
      const Hdf5Dataset made(H5Dcreate2(file.id(), std::to_string(i).c_str(), H5T_IEEE_F64LE, space.id(), H5P_DEFAULT,
                                        creation.id(), H5P_DEFAULT),
                             "create");
      if (i % 3 != 0) H5Dwrite(made.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data());
    }
    file.close("close");
  };
  fill(H5P_DEFAULT, folder / "sec2.h5");
  OutputFile output(folder / "ours.h5");
  FileUnderHdf5 below(output.descriptor());
  const FileAccess access(below);
  fill(access.id(), output.path());
  CHECK(below.error() == 0);
  output.commit();
  CHECK(read_file(folder / "ours.h5") == read_file(folder / "sec2.h5"));
}

TEST_CASE("a disk that refuses leaves the old file, one clear error and no open ids") {
  const FreshFolder folder;
  const std::vector<double> numbers = counted(100000);
  std::vector<std::string_view> texts(20000, "a text of some length");
  Plan plan;
  for (int i = 0; i < 2000; ++i) plan.nodes.push_back(constant("/many/" + std::to_string(i), Value(i)));
  plan.nodes.push_back(constant("/a", Value::array(numbers.data(), {100000})));
  plan.nodes.push_back(constant("/c", Value::array(numbers.data(), {100000}), gzip()));
  plan.nodes.push_back(constant("/t", Value::strings({20000}, texts)));
  for (int i = 0; i < 200; ++i) plan.nodes.push_back(constant("/more/" + std::to_string(i), Value(i)));
  write(plan, folder / "whole.h5");
  const std::uint64_t size = fs::file_size(folder / "whole.h5");
  test::write_file(folder / "x.h5", "old");
  const ssize_t ids = open_ids();
  for (std::uint64_t part = 0; part < 40; ++part) {
    const FileSizeLimit limit(size * part / 40);
    INFO("limit " << size * part / 40);
    CHECK_THROWS_WITH(write(plan, folder / "x.h5"),
                      Catch::Contains("x.h5 (the previous file, if any, is untouched): File too large"));
    CHECK(open_ids() == ids);
  }
  CHECK(read_file(folder / "x.h5") == "old");
  CHECK(folder.entries() == 2);
  write(plan, folder / "x.h5");
  CHECK(read_file(folder / "x.h5") == read_file(folder / "whole.h5"));
}

TEST_CASE("HDF5's whole error stack comes in one line, and nothing is printed") {
  const Hdf5Quiet quiet;
  try {
    check_hdf5(H5Gopen2(-1, "x", H5P_DEFAULT), "open it");
    FAIL("no error");
  } catch (const StorageError& e) {
    const std::string message = e.what();
    CHECK(message.starts_with("open it: HDF5 refused: "));
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(H5Eget_num(H5E_DEFAULT) == 0);
}

TEST_CASE("the place of what cannot be written goes to who wanted it next") {
  const FreshFolder folder;
  const Value none = Value::unstorable("NoneType", "None");
  Plan plan;
  plan.nodes.push_back(constant("/same", none));
  plan.nodes.push_back(constant("/same", Value(1.0)));
  plan.nodes.push_back(constant("/same", Value(2.0)));
  plan.nodes.push_back(constant("/a/b/c", none));
  plan.nodes.push_back(constant("/a", Value(3.0)));
  plan.nodes.push_back(constant("/b", none));
  plan.nodes.push_back(constant("/b/c", Value(4.0)));
  plan.nodes.push_back(constant("/kept", Value(5.0)));
  plan.nodes.push_back(constant("/kept/below", Value(6.0)));
  const Written written = write(plan, folder / "x.h5");
  const Hdf5File file = open(folder / "x.h5");
  CHECK(doubles(dataset(file, "/same")) == std::vector{1.0});
  CHECK(doubles(dataset(file, "/a")) == std::vector{3.0});
  CHECK(doubles(dataset(file, "/b/c")) == std::vector{4.0});
  CHECK(doubles(dataset(file, "/kept")) == std::vector{5.0});
  CHECK(written.refused.size() == 5);
}
