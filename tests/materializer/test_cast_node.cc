// Values written as another type: what a cast that may not lose anything accepts and names.
#include <hdf5.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/materialize.h"
#include "daybook/materializer/node_value.h"
#include "daybook/materializer/type_text.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;

Node cast_node(Value value, const std::string& to, bool lossy = false) {
  return {.path = "/x",
          .source = std::move(value),
          .form = AsDataset{},
          .attributes = {},
          .cast = CastTo{detail::find_type(to).value(), lossy}};
}

// What the cast refuses to do; empty if it does it.
std::string complaint(const Value& value, const std::string& to) {
  const Plan plan;
  try {
    const Node node = cast_node(value, to);
    const StoredValue stored = stored_value(plan, node);
    CHECK(stored.type == node.cast->type);
    CHECK(stored_as(plan, node).type == stored.type);
  } catch (const InvalidError& e) {
    return e.what();
  }
  return "";
}

template <class T>
T cast_to(const Value& value, const std::string& to) {
  const Plan plan;
  const Node node = cast_node(value, to, true);
  T out{};
  stored_value(plan, node).elements->read(0, 1, reinterpret_cast<std::byte*>(&out));
  return out;
}

}  // namespace

TEST_CASE("a cast without loss", "[cast]") {
  const std::int64_t integers[] = {1, -2, 2147483647};
  for (const std::string to : {"int32", ">i4", "float64", "<c16", "int64"})
    CHECK(complaint(Value::array(integers, {3}), to) == "");
  CHECK(complaint(Value(0.5), "float32") == "");
  CHECK(complaint(Value(-0.0), "uint8") == "");
  CHECK(complaint(Value(std::nan("")), "float16") == "");
  CHECK(complaint(Value(1), "bool") == "");
  CHECK(complaint(Value(std::complex<double>(1, 0)), "float32") == "");
  CHECK(complaint(Value("text"), "S4") == "");
  CHECK(complaint(Value("text"), "S9") == "");
  CHECK(complaint(Value(-128), "S4") == "");
  CHECK(complaint(Value::list({1, 2.5}), "float32") == "");
}

TEST_CASE("a cast that would change a value says which", "[cast]") {
  const double numbers[] = {0.5, 1, 2, 0.1, 4, 5};
  CHECK(complaint(Value::array(numbers, {2, 3}), "float32") ==
        "keeps its type <f8: as <f4 element [1, 0] would change from 0.1 to 0.10000000149011612; allow-loss accepts "
        "that");
  CHECK(complaint(Value(std::int64_t{1} << 31), "int32") ==
        "keeps its type <i8: as <i4 its value would change from 2147483648 to -2147483648; allow-loss accepts that");
  CHECK(complaint(Value(-1), "uint64") != "");
  CHECK(complaint(Value(~std::uint64_t{0}), "int64") != "");
  CHECK(complaint(Value(std::numeric_limits<std::int64_t>::max()), "float64") != "");
  CHECK(complaint(Value(std::nan("")), "int32") != "");
  CHECK(complaint(Value(1e300), "float32") != "");
  CHECK(complaint(Value(2), "bool") != "");
  CHECK(complaint(Value(std::complex<double>(1, 2)), "float64") != "");
  CHECK(complaint(Value("text"), "S3").find("\"text\" to \"tex\"") != std::string::npos);
  CHECK(complaint(Value(1000), "S3") != "");
  CHECK(complaint(Value("1"), "float64") == "keeps its type: there is no conversion from str to <f8");
}

TEST_CASE("a lossy cast is NumPy's", "[cast]") {
  CHECK(cast_to<float>(Value(0.1), "float32") == 0.1F);
  CHECK(cast_to<std::uint8_t>(Value(257), "uint8") == 1);
  CHECK(cast_to<std::array<char, 2>>(Value("text"), "S2") == std::array<char, 2>{'t', 'e'});
}

// Whatever the number: either it comes back as it was, or the cast was refused.
TEST_CASE("what a cast accepts comes back", "[cast]") {
  const auto seed = GENERATE(take(20, random(0, 1 << 30)));
  INFO(seed);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  for (const std::string from : {"int8", "int64", "uint64", "float32", "float64", "float16"}) {
    for (const std::string to :
         {"int8", "uint16", "int32", "uint64", "int64", "float16", "float32", "float64", "<c8"}) {
      const std::uint64_t bits = random() >> (random() % 64);
      const Value value = Value::scalar(*detail::find_type(from),
                                        std::as_bytes(std::span(&bits, 1)).first(detail::find_type(from)->size()));
      INFO(from << " " << to << " " << bits);
      if (complaint(value, to) != "") continue;
      const Plan plan;
      Node there = cast_node(value, to);
      const StoredValue stored = stored_value(plan, there);
      std::vector<std::byte> bytes(stored.type.size());
      stored.elements->read(0, 1, bytes.data());
      const auto back = cast_to<long double>(Value::scalar(stored.type, bytes), "longdouble");
      const auto before = cast_to<long double>(value, "longdouble");
      CHECK((back == before || (std::isnan(back) && std::isnan(before))));
    }
  }
}

TEST_CASE("the cast transform, on a run", "[cast]") {
  const FreshFolder folder;
  {
    Journal journal = Journal::create(folder / "run.daybook", {});
    journal.set("fits", Value(0.5));
    journal.set("does not", Value(0.1));
    journal.set("text", Value("x"));
    journal.set("other", Value(0.5));
    journal.set("list", Value::list({}));
    for (int i = 0; i < 3000; ++i) journal.append("list", Value(i));
    journal.finish();
  }
  const Reader reader(folder / "run.daybook");
  const TransformOptions options{{"to", std::string("float32")}, {"except", std::string("other")}};
  MaterializeOptions how;
  how.layout.steps.push_back({"cast", options, built_in_transforms().make("cast", options)});
  const MaterializeReport report = materialize(reader, folder / "x.h5", how);
  CHECK(report.refused.empty());
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].key == "does not");
  const detail::Hdf5File file(H5Fopen((folder / "x.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open");
  const auto has_type = [&](const char* key, hid_t type) {
    const detail::Hdf5Dataset dataset(H5Dopen2(file.id(), key, H5P_DEFAULT), "open");
    return H5Tequal(detail::Hdf5Type(H5Dget_type(dataset.id()), "type").id(), type) > 0;
  };
  CHECK(has_type("/datasets/fits", H5T_IEEE_F32LE));
  CHECK(has_type("/datasets/list", H5T_IEEE_F32LE));
  CHECK(has_type("/datasets/does not", H5T_IEEE_F64LE));
  CHECK(has_type("/datasets/other", H5T_IEEE_F64LE));

  const Plan plan = make_plan(reader, how);
  CHECK(to_text(plan).find("/datasets/text  dataset <- dataset \"text\" as of event 4  [default]") !=
        std::string::npos);
  CHECK_THROWS_AS(built_in_transforms().make("cast", {{"to", std::string("float33")}}), OptionError);
  CHECK_THROWS_AS(built_in_transforms().make("cast", {}), OptionError);
}
