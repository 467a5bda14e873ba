// A dataset's own storage options in the plan. What h5py makes of the same keywords: tests/python/test_storage_options.py.
#include <catch2/catch.hpp>

#include "daybook/journal/journal.h"
#include "daybook/materializer/materialize.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using Catch::Matchers::Contains;
using test::FreshFolder;

struct Planned {
  Storage storage;
  std::vector<std::string> notes;
};

// The node of one dataset that was set with these options.
Planned plan(const Value& value, const std::vector<Attribute>& options) {
  const FreshFolder folder;
  RunInfo info;
  info.class_name = "Options";
  Journal journal = Journal::create(folder / "run.daybook", info);
  SetOptions how;
  how.storage = options;
  journal.set("x", value, how);
  journal.finish();
  const Reader reader(folder / "run.daybook");
  Plan made = default_plan(reader, reader.last());
  const Node* node = made.find("/datasets/x");
  REQUIRE(node != nullptr);
  return {std::get<AsDataset>(node->form).storage, node->notes};
}

const std::vector<double> numbers(600, 0.5);
Value image() { return Value::array(numbers.data(), {20, 30}); }
Value none() { return Value::unstorable("NoneType", "None"); }

}  // namespace

TEST_CASE("storage options are in the plan, in the order of h5py's filters") {
  const Planned all = plan(image(), {{"fletcher32", true},
                                     {"compression", "gzip"},
                                     {"compression_opts", 9},
                                     {"shuffle", true},
                                     {"chunks", Value::list({4, 5})},
                                     {"maxshape", Value::list({none(), 30})},
                                     {"fillvalue", 1.5},
                                     {"track_times", true}});
  CHECK(all.notes.empty());
  CHECK(to_text(all.storage) == " chunks (4, 5) extendible shuffle gzip 9 fletcher32 fill value <f8 times");
  CHECK(to_text(plan(image(), {}).storage).empty());
}

TEST_CASE("numbers and truth values of any type say the same") {
  for (const Value& level :
       {Value(std::int8_t{3}), Value(std::uint8_t{3}), Value(std::int16_t{3}), Value(3), Value(std::uint64_t{3})})
    CHECK(to_text(plan(image(), {{"compression", level}}).storage) == " gzip 3");
  const std::array<std::byte, 4> big{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{3}};
  CHECK(to_text(plan(image(), {{"compression", Value::scalar(Type(Kind::integer, 4, ByteOrder::big), big)}}).storage) ==
        " gzip 3");
  const std::int16_t chunk[] = {4, 5};
  CHECK(to_text(plan(image(), {{"chunks", Value::array(chunk, {2})}}).storage) == " chunks (4, 5)");
  CHECK(to_text(plan(Value::array(numbers.data(), {600}), {{"chunks", 50}}).storage) == " chunks (50)");
  for (const Value& yes : {Value(true), Value(1)})
    CHECK(to_text(plan(image(), {{"shuffle", yes}}).storage) == " shuffle");
  CHECK(to_text(plan(image(), {{"compression", true}, {"chunks", true}}).storage) == " chunked gzip 4");
  for (const char* name :
       {"chunks", "compression", "compression_opts", "shuffle", "fletcher32", "fillvalue", "track_times", "maxshape"}) {
    const Planned nothing = plan(image(), {{name, none()}});
    CHECK(to_text(nothing.storage).empty());
    CHECK(nothing.notes.empty());
  }
}

TEST_CASE("other filters are named, or given by number with what they take") {
  CHECK(to_text(plan(image(), {{"compression", "lzf"}}).storage) == " lzf");
  CHECK(to_text(plan(image(), {{"compression", "szip"}}).storage) == " szip 32 8");
  CHECK(to_text(plan(image(), {{"compression", "szip"}, {"compression_opts", Value::list({"ec", 16})}}).storage) ==
        " szip 4 16");
  CHECK(to_text(plan(image(), {{"compression", 32015}, {"compression_opts", Value::list({7})}}).storage) == " zstd 7");
  CHECK(to_text(plan(image(), {{"compression", 12345}, {"compression_opts", 7}}).storage) == " filter 12345 7");
}

TEST_CASE("an option that makes no sense costs only itself, with the reason") {
  const auto check = [](const Value& value, std::vector<Attribute> options, const std::string& name,
                        const std::string& why) {
    INFO(name << ": " << why);
    options.push_back({"track_times", true});
    const Planned planned = plan(value, options);
    CHECK(planned.storage.track_times);
    REQUIRE(planned.notes.size() == 1);
    CHECK_THAT(planned.notes[0], Contains("option " + name + " ") && Contains(why));
  };
  check(image(), {{"color", "red"}}, "color", "no such option");
  check(image(), {{"compression", "zip"}}, "compression", "no \"zip\"");
  check(image(), {{"compression", -1}}, "compression", "-1");
  check(image(), {{"compression", 70000}}, "compression", "70000");
  check(image(), {{"compression", 1.5}}, "compression", "gzip");
  check(image(), {{"compression", ~std::uint64_t{0}}}, "compression", "gzip");
  check(image(), {{"compression", "gzip"}, {"compression_opts", 10}}, "compression_opts", "0 to 9");
  check(image(), {{"compression", "szip"}, {"compression_opts", 3}}, "compression_opts", "even");
  check(image(), {{"compression", "lzf"}, {"compression_opts", 3}}, "compression_opts", "no compression");
  check(image(), {{"compression", 307}, {"compression_opts", Value::list({-1})}}, "compression_opts", "32 bits");
  check(image(), {{"chunks", Value::list({})}}, "chunks", "positive");
  check(image(), {{"chunks", Value::list({4, -1})}}, "chunks", "positive");
  check(image(), {{"chunks", Value::list({4, none()})}}, "chunks", "positive");
  check(image(), {{"chunks", 4}}, "chunks", "2 dimensions");
  check(image(), {{"maxshape", Value::list({40, 50})}}, "maxshape", "None");
  check(image(), {{"maxshape", Value::list({none()})}}, "maxshape", "2 dimensions");
  check(image(), {{"maxshape", "all"}}, "maxshape", "None");
  check(image(), {{"shuffle", 2}}, "shuffle", "true or false");
  check(image(), {{"fillvalue", image()}}, "fillvalue", "one number");
  check(Value(1.5), {{"compression", "gzip"}}, "compression", "single value");
  check(Value(1.5), {{"chunks", true}}, "chunks", "single value");
  check(Value(1.5), {{"maxshape", true}}, "maxshape", "single value");
  check(Value("text"), {{"fletcher32", true}}, "fletcher32", "single value");
  const std::vector<std::string_view> words = {"a", "bc"};
  check(Value::strings({2}, words), {{"compression", "gzip"}}, "compression", "any length");
}

TEST_CASE("options stay with a dataset that is replaced, changed or appended to") {
  const FreshFolder folder;
  RunInfo info;
  info.class_name = "Options";
  Journal journal = Journal::create(folder / "run.daybook", info);
  SetOptions how;
  how.storage = {{"compression", "gzip"}};
  journal.set("list", Value::list({}), how);
  for (int i = 0; i < 3000; ++i) journal.append("list", i);
  journal.set("was a list", Value::list({}), how);
  journal.replace("was a list", image());
  journal.set("became one value", image(), how);
  journal.replace("became one value", 1.5);
  journal.set("not saved", image(), how);
  journal.remove("not saved");
  journal.archive("list", Value::list({}));
  journal.finish();
  const Reader reader(folder / "run.daybook");
  const MaterializeReport report = materialize(reader, folder / "x.h5");
  CHECK(report.refused.empty());
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].key == "became one value");
  const std::string text = to_text(make_plan(reader));
  CHECK_THAT(text, Contains("/datasets/list  dataset gzip 4 <-"));
  CHECK_THAT(text, Contains("/datasets/was a list  dataset gzip 4 <-"));
  CHECK_THAT(text, Contains("(its storage option compression is not followed"));
  CHECK_THAT(text, Contains("/archive/list  dataset <-"));
}
