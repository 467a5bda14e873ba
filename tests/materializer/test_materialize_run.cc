// What the journal is told of the files made of it, and files when the layout is the problem.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/materialized.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/materialize.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using Catch::Matchers::Contains;
using test::FreshFolder;
using test::read_file;

RunInfo run(std::int64_t rid) {
  RunInfo info;
  info.rid = rid;
  info.class_name = "Example";
  return info;
}

fs::path record(const FreshFolder& folder, bool finish = true) {
  const fs::path dir = folder / "run.daybook";
  Journal journal = Journal::create(dir, run(3));
  const std::vector<double> numbers(2000, 0.5);
  journal.set("a", Value::array(numbers.data(), {2000}));
  journal.set("b", Value(1));
  if (finish) journal.finish();
  return dir;
}

Layout of(const char* name, Transform transform) {
  return {.name = "mine", .text = "use = \"mine\"\n", .steps = {{name, {}, std::move(transform)}}};
}

std::vector<Materialized> files_of(const Reader& reader, std::vector<std::string>& texts) {
  std::vector<Materialized> found;
  reader.events(1, reader.last(), [&](const Event& event) {
    if (const auto* made = std::get_if<Materialized>(&event.body)) {
      found.push_back(*made);
      texts.emplace_back(made->file);
      texts.emplace_back(made->layout);
      texts.emplace_back(made->text);
    }
    return true;
  });
  return found;
}

}  // namespace

TEST_CASE("the journal knows what file was made of it, once, and the next file is the same") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  const Sequence before = Reader(dir).last();
  MaterializeOptions options;
  options.layout = of("nothing", [](Plan&) {});
  CHECK(materialize_run(Reader(dir), folder / "x.h5", options).not_recorded.empty());
  const std::string bytes = read_file(folder / "x.h5");
  const MaterializeReport again = materialize_run(Reader(dir), folder / "x.h5", options);
  CHECK(again.complete);
  CHECK(again.up_to == before);
  CHECK(read_file(folder / "x.h5") == bytes);

  const Reader reader(dir);
  std::vector<std::string> texts;
  const std::vector<Materialized> files = files_of(reader, texts);
  REQUIRE(files.size() == 1);
  CHECK(texts == std::vector<std::string>{fs::absolute(folder / "x.h5").lexically_normal().string(), "mine",
                                          "use = \"mine\"\n"});
  CHECK(files[0].up_to == before);
  CHECK(files[0].digest == options.layout.digest());
  CHECK(reader.last() == before + 1);
  CHECK(reader.last_of_run() == before);
  CHECK(reader.resolve(AtTime{INT64_MAX}) == before);
  CHECK(reader.status().phase == Phase::finished);
  CHECK_FALSE(fs::exists(dir / "intake"));
  CHECK(compare(reader, folder / "x.h5", options).empty());
  CHECK(compare(reader, folder / "x.h5").size() == 1);  // another layout
  options.layout.text = "use = \"other\"";
  const std::vector<std::string> differences = compare(reader, folder / "x.h5", options);
  REQUIRE(differences.size() == 1);
  CHECK_THAT(differences[0], Contains("its text was \"use = \\\"mine"));
}

TEST_CASE("a file is made of a live run or a read-only one, too; the journal is not told") {
  const FreshFolder folder;
  {
    Journal journal = Journal::create(folder / "live.daybook", run(4));
    journal.set("a", Value(1));
    journal.sync();
    CHECK_THROWS_AS(append_materialized(folder / "live.daybook", {}), BusyError);
  }
  const fs::path dir = record(folder, false);
  const Reader other(dir);  // stands for whoever has it open
  const MaterializeReport report = materialize_run(Reader(dir), folder / "x.h5");
  CHECK(report.not_recorded == "the journal is being written");
  CHECK(fs::exists(folder / "x.h5"));
}

TEST_CASE("a layout that fails costs a run its layout, not its file") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  const Reader reader(dir);
  MaterializeOptions options;
  options.layout = of("broken", [](Plan&) { throw std::out_of_range("oops"); });
  CHECK_THROWS_AS(materialize(reader, folder / "x.h5", options), InvalidError);
  CHECK_FALSE(fs::exists(folder / "x.h5"));
  options.on_layout_failure = MaterializeOptions::OnLayoutFailure::use_default;
  const MaterializeReport report = materialize(reader, folder / "x.h5", options);
  REQUIRE(report.layout_failure);
  CHECK_THAT(*report.layout_failure, Contains("broken") && Contains("oops"));
  CHECK(report.refused.empty());
  CHECK(report.datasets == 2);
  CHECK(compare(reader, folder / "x.h5").empty());  // the default layout

  options.layout = of("all-in-one", [](Plan& plan) {
    for (Node& node : plan.nodes)
      if (node.state() != nullptr) {
        node.path = "/same";
        node.origin = "all-in-one";
      }
  });
  CHECK_THAT(*materialize(reader, folder / "x.h5", options).layout_failure,
             Contains("all-in-one") && Contains("/same"));
}

TEST_CASE("no file at all is a legal outcome, and leaves what is there alone") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  test::write_file(folder / "x.h5", "old");
  MaterializeOptions options;
  options.layout = of("none", [](Plan& plan) { plan.file.no_file = "nobody reads it"; });
  const MaterializeReport report = materialize_run(Reader(dir), folder / "x.h5", options);
  CHECK(report.no_file == "nobody reads it");
  CHECK(report.file.empty());
  CHECK(report.complete);
  CHECK(read_file(folder / "x.h5") == "old");
  CHECK(folder.entries() == 2);
  CHECK_THROWS_AS(compare(Reader(dir), folder / "x.h5", options), UnsupportedError);
}

TEST_CASE("a digest tells layouts apart") {
  const Layout none, one = of("x", [](Plan&) {});
  Layout two = one;
  two.steps[0].options = {{"level", 3}};
  CHECK(none.digest().empty());
  CHECK(one.digest().size() == 32);
  CHECK(one.digest() != two.digest());
  CHECK(compose(none, one).digest() == one.digest());
  const Layout both = compose(one, two);
  CHECK(both.name == "mine+mine");
  CHECK(both.steps.size() == 2);
  CHECK(both.text == one.text + two.text);
}
