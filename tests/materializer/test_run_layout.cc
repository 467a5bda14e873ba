// What a journal says of its file: the layout it brings along, and the place.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/recover_run.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using Catch::Matchers::Contains;
using test::FreshFolder;

constexpr const char* text = "name = \"lab\"\n\n[[transform]]\nuse = \"compress\"\nlevel = 3\nkeys = [\"a\"]\n";

RunInfo run(std::string layout, std::string results) {
  RunInfo info;
  info.rid = 3;
  info.class_name = "Example";
  info.layout = std::move(layout);
  info.results = std::move(results);
  return info;
}

}  // namespace

TEST_CASE("a layout as one text is the same layout") {
  const auto registry = built_in_transforms();
  const Layout first = parse_layout(text, registry, "text");
  const Layout second = parse_layout(self_contained_text(first), registry, "text");
  CHECK(first.name == "lab");
  CHECK(second.name == "lab");
  REQUIRE(second.steps.size() == 1);
  CHECK(second.steps[0].name == first.steps[0].name);
  CHECK(second.steps[0].options == first.steps[0].options);
  CHECK(self_contained_text(second) == self_contained_text(first));
  CHECK(parse_layout("", registry, "text").name == "run");
}

TEST_CASE("a layout that stands alone includes nothing") {
  const auto registry = built_in_transforms();
  CHECK_THROWS_WITH(parse_layout("include = \"base.toml\"\n", registry, "here"),
                    Contains("here:1: ") && Contains("cannot include a file"));
}

TEST_CASE("a journal keeps its layout and the place of its file") {
  const FreshFolder folder;
  const fs::path dir = folder / "run.daybook";
  Journal::create(dir, run(text, "../here.h5")).finish();
  CHECK(verify(dir).damage.empty());
  const Reader reader(dir);
  CHECK(reader.info().layout == text);
  CHECK(reader.info().results == "../here.h5");
  CHECK(run_layout(reader.info(), built_in_transforms()).name == "lab");
}

TEST_CASE("a layout that cannot be read fails when it is applied, and the run gets its file") {
  const FreshFolder folder;
  const fs::path dir = folder / "run.daybook";
  {
    Journal journal = Journal::create(dir, run("[[transform]]\nuse = \"of-a-plugin\"\n", ""));
    journal.set("a", Value(1));
    journal.finish();
  }
  const RecoverReport report = recover_run(dir, built_in_transforms());
  CHECK(report.outcome == Recovered::in_part);
  REQUIRE(report.layout_failure);
  CHECK_THAT(*report.layout_failure, Contains("the journal's layout:2: ") && Contains("of-a-plugin"));
  CHECK(report.differences.empty());
  CHECK(report.not_compared.empty());
  CHECK(fs::exists(report.file));
  CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::nothing_to_do);
}

TEST_CASE("recovering does not throw for what is wrong") {
  const FreshFolder folder;
  const RecoverReport missing = recover_run(folder / "nowhere.daybook", built_in_transforms());
  CHECK(missing.outcome == Recovered::nothing);
  CHECK(missing.fault == RecoverFault::unsupported);
  const fs::path dir = folder / "run.daybook";
  Journal::create(dir, run("", "")).finish();
  test::write_file(dir / "data.mdb", "no LMDB file");
  const RecoverReport damaged = recover_run(dir, built_in_transforms());
  CHECK(damaged.fault == RecoverFault::damaged);
}
