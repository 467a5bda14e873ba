// Nodes that become a part of another object or stand for one: tables, attributes, links; and properties of the file.
// h5py is asked what it sees.
#include <hdf5.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "daybook/journal/error.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"
#include "daybook/materializer/table_value.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace daybook::detail;
using test::FreshFolder;
using test::read_file;
using test::write_file;

Node with_form(std::string path, Source source, NodeForm form) {
  return {.path = std::move(path), .source = std::move(source), .form = std::move(form), .attributes = {}};
}
Node constant(std::string path, Value value) { return with_form(std::move(path), std::move(value), AsDataset{}); }
Node field(const std::string& name, Value value, const std::string& table = "/table") {
  return with_form("/own/" + name, std::move(value), AsField{table, name});
}

Written write(Plan& plan, const fs::path& path) {
  settle(plan);
  OutputFile output(path);
  Written written = write_hdf5(plan, output.descriptor(), output.path(), output.target(), {});
  output.commit();
  return written;
}

// True if the assertions hold in Python, with the file open as f.
bool h5py(const fs::path& file, const std::string& assertions) {
  write_file(file.string() + ".py",
             "import h5py, numpy as np\nf = h5py.File('" + file.string() + "', 'r')\n" + assertions);
  return std::system(("/usr/bin/python3 " + file.string() + ".py").c_str()) == 0;
}

std::vector<std::string> keys(const std::vector<Refusal>& refusals) {
  std::vector<std::string> all;
  for (const Refusal& refusal : refusals) all.push_back(refusal.key);
  return all;
}

std::string scalar_name(int i) {
  std::string number = std::to_string(i);
  return "scan.channel_" + std::string(4 - number.size(), '0') + number + ".value";
}

// Object headers of HDF5 1.8 begin with this; older ones with a version number.
std::size_t newer_headers(const fs::path& file) {
  const std::string bytes = read_file(file);
  std::size_t count = 0;
  for (std::size_t at = bytes.find("OHDR"); at != std::string::npos; at = bytes.find("OHDR", at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a table of few values is one row with a field each", "[forms]") {
  const FreshFolder folder;
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const std::string_view texts[] = {"a", "bcd"};
  Plan plan;
  plan.nodes = {with_form("/table", {}, AsTable{}),
                field("x", Value(1.5)),
                field("b", Value(true)),
                field("µ", Value("größe")),
                field("empty text", Value("")),
                field("a", Value::array(numbers.data(), {2, 3})),
                field("t", Value::strings({2}, texts)),
                field("z", Value(std::complex<double>(1, 2)))};
  plan.nodes[0].attributes = {{"note", Value("all")}};
  plan.nodes[1].attributes = {{"unit", Value("V")}};
  const Written written = write(plan, folder / "x.h5");
  CHECK(written.refused.empty());
  CHECK(written.notes.empty());
  CHECK(h5py(folder / "x.h5", R"(
t = f['table']
assert t.shape == (1,) and t.dtype.names == ('x', 'b', 'µ', 'empty text', 'a', 't', 'z'), t.dtype
r = t[0]
assert r['x'] == 1.5 and r['b'] and r['µ'].decode() == 'größe' and r['empty text'] == b'' and r['z'] == 1+2j
assert r['a'].dtype == np.float32 and (r['a'] == [[1, 2, 3], [4, 5, 6]]).all() and list(r['t']) == [b'a', b'bcd']
assert dict(t.attrs) == {'note': 'all', 'x.unit': 'V'} and 'own' not in f
)"));
  CHECK(newer_headers(folder / "x.h5") == 0);
}

TEST_CASE("what cannot be a field is refused, or stands where it would have stood", "[forms]") {
  const FreshFolder folder;
  Plan plan;
  plan.nodes = {with_form("/table", {}, AsTable{}),
                field("good", Value(1)),
                field("none", Value::unstorable("NoneType", "None")),
                field("nothing", Value::null(Type::of<double>())),
                field("void", Value::array(static_cast<const double*>(nullptr), {0})),
                with_form("/own/nul", Value(2), AsField{"/table", std::string("a\0b", 3)}),
                with_form("/own/latin", Value(2), AsField{"/table", "\xe4"}),
                with_form("/taken", Value(3), AsField{"/table", ""}),
                constant("/taken", Value(4)),
                with_form("/alone", {}, AsTable{}),
                field("bad", Value::unstorable("set", "{1}"), "/alone")};
  const Written written = write(plan, folder / "x.h5");
  CHECK(keys(written.refused) == std::vector<std::string>{"/own/none", "/own/bad", "/alone", "/taken"});
  CHECK(keys(written.notes) == std::vector<std::string>{"/own/nothing", "/own/void", "/own/nul", "/own/latin"});
  CHECK(written.notes[0].reason ==
        "stands at /own/nothing: it could not become field \"nothing\" of /table: it has no elements");
  CHECK(h5py(folder / "x.h5", R"(
assert f['table'].dtype.names == ('good',) and f['own/nul'][()] == 2 and f['own/void'].shape == (0,)
assert f['own/nothing'].shape is None and f['taken'][()] == 4 and 'alone' not in f and 'none' not in f['own']
)"));
}

TEST_CASE("a table whose place went to another node keeps its fields", "[forms]") {
  const FreshFolder folder;
  Plan plan;
  plan.nodes = {with_form("/table", {}, Refused{"no place", nullptr, 0}), field("x", Value(1.5))};
  const Written written = write(plan, folder / "x.h5");
  CHECK(keys(written.notes) == std::vector<std::string>{"/own/x"});
  CHECK(h5py(folder / "x.h5", "assert f['own/x'][()] == 1.5\n"));
}

TEST_CASE("a table of many values has a row each", "[forms]") {
  const FreshFolder folder;
  const auto rows = GENERATE(AsTable::Rows::automatic, AsTable::Rows::many);
  Plan plan;
  plan.nodes.push_back(with_form("/table", {}, AsTable{{}, rows}));
  for (int i = 0; i < 1000; ++i) plan.nodes.push_back(field(scalar_name(i), Value(i + 0.5)));
  plan.nodes[7].attributes = {{"unit", Value("µV")}, {"scale", Value(1000)}, {"odd", Value(std::complex<float>(1))}};
  CHECK(write(plan, folder / "x.h5").notes.empty());
  CHECK(fs::file_size(folder / "x.h5") < 32768);
  write(plan, folder / "again.h5");
  CHECK(read_file(folder / "again.h5") == read_file(folder / "x.h5"));
  CHECK(h5py(folder / "x.h5", R"(
t = f['table']
assert t.shape == (1000,) and t.dtype.names == ('name', 'value', 'unit', 'scale'), t.dtype
assert t['name'][123] == b'scan.channel_0123.value' and (t['value'] == np.arange(1000) + 0.5).all()
assert t['unit'][6].decode() == 'µV' and t['unit'][5] == b'' and t['scale'][6] == 1000 and np.isnan(t['scale'][5])
assert list(t.attrs) == ['scan.channel_0006.value.odd']
)"));
}

TEST_CASE("a table of many values of different types says which column counts", "[forms]") {
  const FreshFolder folder;
  const std::vector<float> numbers{1, 2, 3};
  Plan plan;
  plan.nodes = {with_form("/table", {}, AsTable{{}, AsTable::Rows::many}),
                field("f", Value(1.5F)),
                field("i", Value(std::int64_t{-5})),
                field("u", Value(~std::uint64_t{0})),
                field("b", Value(true)),
                field("s", Value("text")),
                field("c", Value(std::complex<double>(1, 2))),
                field("long", Value(std::string(300, 'x')).owned()),
                field("array", Value::array(numbers.data(), {3}))};
  const Written written = write(plan, folder / "x.h5");
  CHECK(keys(written.notes) == std::vector<std::string>{"/own/long", "/own/array"});
  CHECK(h5py(folder / "x.h5", R"(
t = f['table'][:]
v = {r['name'].decode(): r[r['type'].decode()] for r in t}
assert v == {'f': 1.5, 'i': -5, 'u': 2**64 - 1, 'b': True, 's': b'text', 'c': 1+2j}, v
assert np.isnan(t['float64'][1]) and f['own/array'].shape == (3,) and len(f['own/long'][()]) == 300
)"));
}

TEST_CASE("one row is as long as HDF5 can describe it", "[forms]") {
  const FreshFolder folder;
  const auto write_row = [&](int count) {
    Plan plan;
    plan.nodes.push_back(with_form("/table", {}, AsTable{{}, AsTable::Rows::one}));
    for (int i = 0; i < count; ++i) plan.nodes.push_back(field(scalar_name(i), Value(i + 0.5)));
    return write(plan, folder / (std::to_string(count) + ".h5")).notes;
  };
  CHECK(write_row(700).empty());
  CHECK(newer_headers(folder / "700.h5") == 0);
  CHECK(write_row(1100).empty());
  CHECK(newer_headers(folder / "1100.h5") == 1);
  const auto notes = write_row(5000);
  REQUIRE(keys(notes) == std::vector<std::string>{"/table"});
  CHECK(notes[0].reason ==
        "has a row for each of 5000 values: an HDF5 object header cannot describe a row of so many fields");
  for (const std::string count : {"700", "1100"})
    CHECK(h5py(folder / (count + ".h5"), "t = f['table']\nassert t.shape == (1,) and len(t.dtype.names) == " + count +
                                             "\nassert t[0]['scan.channel_0099.value'] == 99.5\n"));
  CHECK(h5py(folder / "5000.h5", "assert f['table'].shape == (5000,) and f['table']['value'][4999] == 4999.5\n"));
}

// The estimate of what HDF5's header can hold must not be too low for any type: the table would be lost to its rows.
TEST_CASE("a row up to the limit can be written whatever the types", "[forms]") {
  const FreshFolder folder;
  const double numbers[] = {1, 2};
  const Type record = Type::compound(16, {{"q", 0, Type::of<double>(), {}}, {"r", 8, Type::of<float>(), {2}}});
  const Type names = Type::enumeration(Type::of<std::int16_t>(), {"on", "off"}, {0, 1});
  const std::int16_t one = 1;
  const std::vector<Value> values = {Value(1),
                                     Value(true),
                                     Value(std::complex<float>(1)),
                                     Value::array(numbers, {1, 2, 1}),
                                     Value("text"),
                                     Value(1.5),
                                     Value::scalar(Type::opaque(16), std::as_bytes(std::span(numbers))),
                                     Value::scalar(record, std::as_bytes(std::span(numbers))),
                                     Value::scalar(names, std::as_bytes(std::span(&one, 1)))};
  for (std::size_t kind = 0; kind < values.size(); ++kind) {
    for (const char* prefix : {"", "a name of some length "}) {
      int low = 1, high = 4000;  // the most fields that become one row
      const auto rows = [&](int count) {
        Plan plan;
        plan.nodes.push_back(with_form("/table", {}, AsTable{{}, AsTable::Rows::one}));
        for (int i = 0; i < count; ++i) plan.nodes.push_back(field(prefix + std::to_string(i), values[kind]));
        std::vector<const Node*> fields;
        for (std::size_t i = 1; i < plan.nodes.size(); ++i) fields.push_back(&plan.nodes[i]);
        if (count != low) {
          return make_table({{}, AsTable::Rows::one}, fields, false,
                            [](const Node& node) { return to_stored(std::get<Value>(node.source)); })
              .unlike_layout.has_value();
        }
        const Written written = write(plan, folder / "x.h5");
        CHECK(written.refused.empty());
        CHECK(written.notes.empty());
        return false;
      };
      while (high - low > 1) {
        const int middle = (low + high) / 2;
        (rows(middle) ? high : low) = middle;
      }
      INFO(describe(values[kind]) << " " << low);
      CHECK(low > 300);
      rows(low);
    }
  }
}

TEST_CASE("an attribute may be of any size, and there may be many", "[forms]") {
  const FreshFolder folder;
  const std::vector<double> large(10000, 0.5);
  const Value big = Value::array(large.data(), {10000});
  Plan plan;
  Node root = with_form("/", {}, AsGroup{});
  root.attributes = {{"big", big}};
  plan.nodes = {std::move(root),
                constant("/small", Value(1)),
                constant("/x/big", Value(2)),
                constant("/many", Value(3)),
                with_form("/b", big, AsAttribute{"/x/big", "b"}),
                with_form("/c", big, AsAttribute{"/x", "c"}),
                with_form("/d", Value(4), AsAttribute{"/small", "d"})};
  plan.nodes.back().attributes = {{"unit", Value("V")}};
  for (int i = 0; i < 3000; ++i) plan.nodes[3].attributes.emplace_back("a" + std::to_string(i), Value(i));
  const Written written = write(plan, folder / "x.h5");
  CHECK(written.refused.empty());
  CHECK(written.notes.empty());
  CHECK(newer_headers(folder / "x.h5") == 4);  // all but /small
  write(plan, folder / "again.h5");
  CHECK(read_file(folder / "again.h5") == read_file(folder / "x.h5"));
  CHECK(h5py(folder / "x.h5", R"(
assert f.attrs['big'].shape == f['x'].attrs['c'].shape == f['x/big'].attrs['b'].shape == (10000,)
assert len(f['many'].attrs) == 3000 and f['many'].attrs['a2999'] == 2999
assert dict(f['small'].attrs) == {'d': 4, 'd.unit': 'V'}
)"));
}

TEST_CASE("an attribute that cannot be written becomes a dataset", "[forms]") {
  const FreshFolder folder;
  const std::vector<double> large(10000, 0.5);
  Plan plan;
  const auto make = [](std::int64_t file, const std::string& path, const StoredValue*) {
    const Hdf5Group made(H5Gcreate2(file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "create");
  };
  plan.nodes = {constant("/x", Value(1)),
                constant("/gone", Value::unstorable("NoneType", "None")),
                with_form("/custom", {}, Custom{"a group", make}),
                with_form("/large", Value::array(large.data(), {10000}), AsAttribute{"/custom", "large"}),
                with_form("/x/sub", Value(5), AsAttribute{"/gone", "a"}),
                with_form("/heavy", Value::array(large.data(), {10000}), AsAttribute{"/custom", "heavy"}),
                with_form("/none", Value::unstorable("set", "{}"), AsAttribute{"/x", "none"})};
  plan.nodes[0].attributes = {{"unit", Value("V")}};
  plan.nodes[5].attributes = {{"why", Value("because")}};
  const Written written = write(plan, folder / "x.h5");
  CHECK(keys(written.notes) == std::vector<std::string>{"/large", "/heavy"});
  CHECK(keys(written.refused) == std::vector<std::string>{"/gone", "/none", "/x/sub"});
  CHECK_THAT(written.notes[1].reason, Catch::Matchers::StartsWith("stands at /heavy: it could not become attribute"));
  CHECK(h5py(folder / "x.h5", R"(
assert f['x'].attrs['unit'] == 'V' and f['heavy'].attrs['why'] == 'because'
assert f['large'].shape == (10000,) and 'gone' not in f
)"));
}

TEST_CASE("links of every kind, in any order", "[forms]") {
  const FreshFolder folder;
  using Kind = AsLink::Kind;
  Plan other;
  other.nodes = {constant("/there/y", Value(7))};
  write(other, folder / "other.h5");
  Plan plan;
  plan.nodes = {with_form("/first", {}, AsLink{"/second", Kind::hard, {}}),
                with_form("/second", {}, AsLink{"/g/x", Kind::hard, {}}),
                with_form("/group", {}, AsLink{"/g", Kind::hard, {}}),
                with_form("/soft", {}, AsLink{"/first", Kind::soft, {}}),
                with_form("/dangling", {}, AsLink{"/nowhere", Kind::soft, {}}),
                with_form("/deep/external", {}, AsLink{"/there/y", Kind::external, "other.h5"}),
                with_form("/to bad", {}, AsLink{"/bad", Kind::hard, {}}),
                with_form("/round", {}, AsLink{"/trip", Kind::hard, {}}),
                with_form("/trip", {}, AsLink{"/round", Kind::hard, {}}),
                constant("/g/x", Value(1)),
                constant("/bad", Value::unstorable("NoneType", "None")),
                with_form("/a", Value(2), AsAttribute{"/first", "a"})};
  const Written written = write(plan, folder / "x.h5");
  CHECK(keys(written.refused) == std::vector<std::string>{"/bad", "/to bad", "/trip", "/round"});
  CHECK(written.notes.empty());
  CHECK(h5py(folder / "x.h5", R"(
assert f['first'] == f['second'] == f['g/x'] == f['soft'] == f['group/x'] and f['g/x'].attrs['a'] == 2
assert f.get('first', getlink=True).__class__ == h5py.HardLink and f.get('soft', getlink=True).path == '/first'
e = f.get('deep/external', getlink=True)
assert (e.filename, e.path) == ('other.h5', '/there/y') and f['deep/external'][()] == 7
assert f.get('dangling', getlink=True).path == '/nowhere' and 'to bad' not in f
)"));
}

TEST_CASE("a user block, and library versions", "[forms]") {
  const FreshFolder folder;
  using Version = FileProperties::Version;
  Plan plan;
  plan.nodes = {constant("/x", Value(1.5)), constant("/deep/y", Value("text"))};
  plan.file.user_block = 1024;
  plan.file.user_block_text = "run 12 of the lab";
  write(plan, folder / "block.h5");
  const std::string bytes = read_file(folder / "block.h5");
  CHECK(bytes.starts_with(std::string("run 12 of the lab\0", 18)));
  CHECK(bytes.substr(1024, 4) == "\x89HDF");
  CHECK(h5py(folder / "block.h5",
             "assert f.userblock_size == 1024 and f['x'][()] == 1.5 and f['deep/y'][()] == b'text'\n"));
  plan.file = {.low = Version::v18, .high = Version::v110, .user_block_text = {}, .no_file = {}};
  write(plan, folder / "v18.h5");
  plan.file = {.low = Version::v110, .user_block_text = {}, .no_file = {}};
  write(plan, folder / "v110.h5");
  CHECK(static_cast<int>(read_file(folder / "v18.h5")[8]) == 2);  // the superblock's version
  CHECK(static_cast<int>(read_file(folder / "v110.h5")[8]) == 3);
  CHECK(h5py(folder / "v110.h5", "assert f['x'][()] == 1.5\n"));
  // No object has times, so that a file is the same whenever it is made: also the root.
  const Hdf5File file(H5Fopen((folder / "v18.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open");
  for (const char* name : {"/", "/x", "/deep", "/deep/y"}) {
    H5O_info_t info{};
    REQUIRE(H5Oget_info_by_name2(file.id(), name, &info, H5O_INFO_TIME, H5P_DEFAULT) >= 0);
    CHECK(info.mtime == 0);
  }
}

TEST_CASE("file properties that HDF5 would not take are found before anything is written", "[forms]") {
  using Version = FileProperties::Version;
  const auto complaint = [](FileProperties file) -> std::string {
    Plan plan;
    plan.file = std::move(file);
    try {
      settle(plan);
    } catch (const InvalidError& e) {
      return e.what();
    }
    return "";
  };
  for (const std::uint64_t size : {1, 256, 513, 1000})
    CHECK(complaint({.user_block = size, .user_block_text = {}, .no_file = {}}) != "");
  CHECK(complaint({.user_block = 512, .user_block_text = std::string(513, 'x'), .no_file = {}}) ==
        "a user block of 512 bytes has no room for its text of 513: 1024 would do");
  CHECK(complaint({.user_block_text = "x", .no_file = {}}).ends_with("512 would do"));
  CHECK(complaint({.low = Version::v110, .high = Version::v18, .user_block_text = {}, .no_file = {}}) != "");
  CHECK(complaint({.high = Version::earliest, .user_block_text = {}, .no_file = {}}) != "");
  CHECK(complaint({.low = Version::v18, .high = Version::v18, .user_block = 2048, .user_block_text = {}, .no_file = {}})
            .empty());
}
