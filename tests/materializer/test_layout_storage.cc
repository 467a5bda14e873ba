// Transforms that say how elements are kept, and the file as a whole.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "materializer/example_run.h"

using namespace daybook;
using namespace daybook::test;
using std::string;

TEST_CASE("chunk takes a shape for arrays of that rank") {
  const ExampleRun run;
  const Plan plan = run.after("chunk", {{"shape", OptionList{2, 40}}});
  CHECK(shown(plan, "big") == "/datasets/big  dataset chunks (2, 40) [default, chunk]");
  CHECK(shown(plan, "image") == "/datasets/image  dataset chunks (2, 6) [default, chunk]");  // no larger than the array
  for (const char* other : {"scan.x", "scan", "words", "list", "empty", "none"})
    CHECK(shown(plan, other).find("chunk") == string::npos);
  CHECK(shown(run.after("chunk", {{"shape", OptionList{-1, 0}}}), "big").find("chunks (30, 100)") != string::npos);
}

TEST_CASE("chunk takes a size, or nothing at all") {
  const ExampleRun run;
  CHECK(shown(run.after("chunk", {{"bytes", 65536}}), "list") ==
        "/datasets/list  dataset chunks of 65536 bytes [default, chunk]");
  CHECK(shown(run.after("chunk", {}), "list") == "/datasets/list  dataset chunked [default, chunk]");
  CHECK(shown(run.after("chunk", {}), "flag") == "/datasets/flag  dataset [default]");
}

TEST_CASE("chunk refuses what HDF5 cannot do, and says why") {
  using Fault = std::pair<string, string>;
  CHECK(fault("chunk", {{"shape", OptionList{65536, 65536}}}) ==
        Fault{"shape", "transform chunk: option shape makes chunks of 4 GiB or more: HDF5 takes less"});
  CHECK(fault("chunk", {{"shape", OptionList{-2}}}).first == "shape");
  CHECK(fault("chunk", {{"shape", OptionList{}}}).first == "shape");
  CHECK(fault("chunk", {{"shape", OptionList(33, OptionValue(1))}}).first == "shape");
  CHECK(fault("chunk", {{"shape", OptionList{5}}, {"bytes", 5}}).first == "bytes");
  CHECK(fault("chunk", {{"bytes", 0}}).first == "bytes");
  CHECK(fault("chunk", {{"bytes", std::int64_t{1} << 32}}).first == "bytes");
}

TEST_CASE("the last wish for how elements are kept counts") {
  const ExampleRun run;
  const auto apply = [&](std::initializer_list<std::pair<string, TransformOptions>> steps) {
    Plan plan = run.plan();
    for (const auto& [name, options] : steps) built_in_transforms().make(name, options)(plan);
    return shown(plan, "image");
  };
  CHECK(apply({{"extendible", {}}}) == "/datasets/image  dataset chunked extendible [default, extendible]");
  CHECK(apply({{"chunk", {{"shape", OptionList{2, 2}}}}, {"extendible", {}}}).find("chunks (2, 2) extendible") !=
        string::npos);
  CHECK(apply({{"extendible", {}}, {"contiguous", {}}}) ==
        "/datasets/image  dataset contiguous [default, extendible, contiguous]");
  CHECK(apply({{"chunk", {}}, {"compact", {}}}) == "/datasets/image  dataset compact [default, chunk, compact]");
  CHECK(apply({{"compact", {}}, {"chunk", {}}}) == "/datasets/image  dataset chunked [default, compact, chunk]");
  CHECK(apply({{"compact", {{"max-bytes", 47}}}}) == "/datasets/image  dataset [default]");
  CHECK(apply({{"track-times", {}}}) == "/datasets/image  dataset times [default, track-times]");
  CHECK(apply({{"track-times", {}}, {"track-times", {{"on", false}}}}) ==
        "/datasets/image  dataset [default, track-times]");
}

TEST_CASE("fill-value is for arrays whose type can hold it") {
  const ExampleRun run;
  const auto filled = [&](const OptionValue& value, const string& key) {
    return node_of(run.after("fill-value", {{"value", value}}), key).edits == std::vector<string>{"fill-value"};
  };
  CHECK(filled(65535, "image"));  // uint16
  CHECK(filled(7.0, "image"));
  CHECK_FALSE(filled(65536, "image"));
  CHECK_FALSE(filled(-1, "image"));
  CHECK_FALSE(filled(0.5, "image"));
  CHECK_FALSE(filled(std::numeric_limits<double>::quiet_NaN(), "image"));
  CHECK_FALSE(filled(string("none"), "image"));
  CHECK_FALSE(filled(true, "image"));
  CHECK(filled(std::numeric_limits<double>::quiet_NaN(), "big"));
  CHECK(filled(-1, "list"));
  CHECK(filled(string("none"), "words"));
  CHECK_FALSE(filled(5, "words"));
  CHECK_FALSE(filled(5, "scan"));  // a scalar is written whole
  CHECK(fault("fill-value", {{"value", OptionList{1, 2}}}).first == "value");
}

TEST_CASE("file-format sets library versions and the user block") {
  const ExampleRun run;
  Plan plan = run.after("file-format", {{"low", string("v18")}, {"high", string("v110")}});
  CHECK(to_text(plan).find("library versions v18 to v110") != string::npos);
  built_in_transforms().make("file-format", {{"user-block", 1024}, {"user-block-text", string("hello")}})(plan);
  CHECK(plan.file.low == FileProperties::Version::v18);  // what is not said stays
  CHECK(plan.file.user_block == 1024);
  CHECK(plan.file.user_block_text == "hello");
  CHECK(run.after("file-format", {{"user-block-text", string(600, 'x')}}).file.user_block == 1024);
  CHECK(run.after("file-format", {{"user-block-text", string("x")}}).file.user_block == 512);
}

TEST_CASE("file-format refuses what HDF5 cannot do") {
  CHECK(fault("file-format", {{"user-block", 1000}}).second ==
        "transform file-format: option user-block is 1000: HDF5 takes 0 or a power of two of at least 512 bytes");
  CHECK(fault("file-format", {{"user-block", 256}}).first == "user-block");
  CHECK(fault("file-format", {{"user-block", std::int64_t{1} << 31}}).first == "user-block");
  CHECK(fault("file-format", {{"user-block", 512}, {"user-block-text", string(513, 'x')}}).second ==
        "transform file-format: option user-block-text has 513 bytes, the user block 512");
  CHECK(fault("file-format", {{"low", string("v110")}, {"high", string("v18")}}).first == "high");
  CHECK(fault("file-format", {{"high", string("earliest")}}).first == "high");
  const ExampleRun run;
  Plan plan = run.after("file-format", {{"low", string("v110")}});
  CHECK_THROWS_AS(built_in_transforms().make("file-format", {{"high", string("v18")}})(plan), InvalidError);
}

TEST_CASE("no-file says that there is to be none") {
  const ExampleRun run;
  CHECK(run.after("no-file", {{"reason", string("a test run")}}).file.no_file == "a test run");
  CHECK_FALSE(run.after("no-file", {{"if-empty", true}}).file.no_file);
  Plan plan = run.after("omit", {{"keys", texts({"*"})}});
  built_in_transforms().make("no-file", {{"if-empty", true}})(plan);
  CHECK(plan.file.no_file);
}
