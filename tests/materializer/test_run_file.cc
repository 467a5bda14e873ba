// A run's own file: made in the run's layout, asked for in mid-run, or written by the run's own code.
#include <hdf5.h>

#include <catch2/catch.hpp>
#include <thread>

#include "daybook/journal/checkpoint_request.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/materialized.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/file_identity.h"
#include "daybook/materializer/prune_run.h"
#include "daybook/materializer/recover_run.h"
#include "daybook/materializer/run_file.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using test::FreshFolder;
using test::read_file;
using test::write_file;

constexpr const char* lab = "name = \"lab\"\n\n[[transform]]\nuse = \"omit\"\nkeys = [\"b\"]\n";
constexpr const char* broken = "name = \"lab\"\n\n[[transform]]\nuse = \"omits\"\n";
constexpr PruneOptions prune_all{.ended_before = INT64_MAX, .dry_run = false};

RunInfo run(std::string layout = {}) {
  RunInfo info;
  info.rid = 3;
  info.class_name = "Example";
  info.layout = std::move(layout);
  return info;
}

fs::path record(const FreshFolder& folder, std::string layout = {}) {
  const fs::path dir = folder / "run.daybook";
  Journal journal = Journal::create(dir, run(std::move(layout)));
  journal.set("a", Value(1.5));
  journal.set("b", Value(1));
  journal.finish();
  return dir;
}

fs::path own_place(const FreshFolder& folder) { return folder / "000000003-Example.h5"; }

// As an experiment's own code would leave it.
void write_by_hand(const fs::path& file) {
  const hid_t made = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(made >= 0);
  H5Fclose(made);
}

detail::FileIdentity identity(const fs::path& file) {
  const detail::Hdf5File opened = detail::open_results(file);
  return detail::read_identity(opened.id());
}

void tell(const fs::path& dir, const fs::path& file, std::string_view layout, Sequence up_to = 0) {
  const std::string name = file.empty() ? std::string() : fs::absolute(file).lexically_normal().string();
  const Sequence last = Reader(dir).last_of_run();
  CHECK(append_materialized(dir,
                            {.file = name, .layout = layout, .digest = {}, .up_to = up_to ? up_to : last, .text = {}}));
}

}  // namespace

TEST_CASE("a run's file is made in its own layout and place, over whatever stands there") {
  const FreshFolder folder;
  const fs::path dir = record(folder, lab);
  write_file(own_place(folder), "not HDF5");
  const MaterializeReport report =
      make_run_file(dir, built_in_transforms(), {.file = {}, .materialize = {}, .record = true});
  CHECK(fs::equivalent(report.file, own_place(folder)));
  CHECK(report.layout == "lab");
  CHECK_FALSE(report.layout_failure);
  CHECK(report.datasets == 1);
  CHECK(report.complete);
  CHECK(report.not_recorded.empty());
  CHECK(identity(own_place(folder)).layout == "lab");
  CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::nothing_to_do);
}

TEST_CASE("a run's file is laid out as ARTIQ does it if its own layout fails, and says why") {
  const FreshFolder folder;
  const fs::path dir = record(folder, broken);
  const MaterializeReport report =
      make_run_file(dir, built_in_transforms(), {.file = folder / "x.h5", .materialize = {}, .record = false});
  CHECK(report.layout == "artiq");
  REQUIRE(report.layout_failure);
  CHECK_THAT(*report.layout_failure, Contains("omits"));
  CHECK(report.datasets == 2);
  CHECK(identity(folder / "x.h5").layout_failure == report.layout_failure);
}

TEST_CASE("who recovers a run waits for the one who makes its file") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  std::atomic<bool> recovered = false;
  std::thread other;
  {
    RunFileOptions options;
    options.materialize.progress = [&](std::uint64_t, std::uint64_t) {
      if (other.joinable()) return;
      // Not HDF5: this only asks for its turn.
      other = std::thread([&] {
        const RecoveryTurn turn(dir);
        recovered = true;
      });
      std::this_thread::sleep_for(50ms);
      CHECK_FALSE(recovered);
    };
    const MaterializeReport report = make_run_file(dir, built_in_transforms(), options);
    CHECK(report.complete);
  }
  REQUIRE(other.joinable());
  other.join();
  CHECK(recovered);
}

TEST_CASE("a run whose own code wrote its file needs no other") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  const bool beside = GENERATE(true, false);
  fs::create_directory(folder / "other");
  const fs::path file = beside ? own_place(folder) : folder / "other" / "mine.h5";
  write_by_hand(file);
  tell(dir, file, own_code_layout);
  const std::string bytes = read_file(file);

  for (const bool dry_run : {true, false}) {
    const RecoverReport report = recover_run(dir, built_in_transforms(), {.dry_run = dry_run, .progress = {}});
    CHECK(report.outcome == Recovered::nothing_to_do);
    CHECK(report.before == RunCondition::finished);
    CHECK(fs::equivalent(report.file, file));
  }
  const PruneReport kept = prune_run(dir, built_in_transforms(), prune_all);
  CHECK_FALSE(kept.removed);
  CHECK(kept.expected);
  CHECK_THAT(kept.kept, Contains("own code"));
  const MaterializeReport none = make_run_file(dir, built_in_transforms());
  REQUIRE(none.no_file);
  CHECK_THAT(*none.no_file, Contains("own code"));
  CHECK(read_file(file) == bytes);
  CHECK(folder.entries() == (beside ? 3 : 2));

  // It is gone: then there is a file to be made.
  fs::remove(file);
  const RecoverReport made = recover_run(dir, built_in_transforms());
  CHECK(made.outcome == Recovered::whole);
  CHECK(fs::equivalent(made.file, own_place(folder)));
}

TEST_CASE("the file of a run's own code goes along with the journal") {
  const FreshFolder folder;
  fs::create_directory(folder / "here");
  const fs::path dir = record(folder);
  fs::rename(dir, folder / "here" / "run.daybook");
  write_by_hand(folder / "here" / "000000003-Example.h5");
  tell(folder / "here" / "run.daybook", folder / "here" / "000000003-Example.h5", own_code_layout);
  fs::rename(folder / "here", folder / "there");
  CHECK(recover_run(folder / "there" / "run.daybook", built_in_transforms()).outcome == Recovered::nothing_to_do);
  CHECK_FALSE(fs::exists(folder / "there" / "000000003-Example-recovered.h5"));
}

TEST_CASE("what is no file of the whole run does not count as its own code's") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  SECTION("it is not HDF5") {
    write_file(folder / "mine.h5", "cut short");
    tell(dir, folder / "mine.h5", own_code_layout);
  }
  SECTION("it is of an earlier moment") {
    write_by_hand(folder / "mine.h5");
    tell(dir, folder / "mine.h5", own_code_layout, 2);
  }
  CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::whole);
  CHECK(fs::exists(own_place(folder)));
}

TEST_CASE("where a run's own code wants no file, none is made, and the journal is kept") {
  const FreshFolder folder;
  const fs::path dir = record(folder);
  tell(dir, {}, own_code_layout);
  CHECK_FALSE(append_materialized(
      dir, {.file = {}, .layout = own_code_layout, .digest = {}, .up_to = Reader(dir).last_of_run(), .text = {}}));
  const RecoverReport report = recover_run(dir, built_in_transforms());
  CHECK(report.outcome == Recovered::nothing_to_do);
  CHECK(report.no_file);
  CHECK(report.file.empty());
  CHECK(report.before == RunCondition::finished);
  const MaterializeReport none = make_run_file(dir, built_in_transforms());
  CHECK(none.no_file);
  const PruneReport kept = prune_run(dir, built_in_transforms(), prune_all);
  CHECK_FALSE(kept.removed);
  CHECK(kept.expected);
  CHECK(folder.entries() == 1);
  // Who wants one says where.
  CHECK(make_run_file(dir, built_in_transforms(), {.file = folder / "x.h5", .materialize = {}, .record = false})
            .datasets == 2);
}

TEST_CASE("a file elsewhere counts if it holds the whole run in the run's layout") {
  const FreshFolder folder;
  const fs::path dir = record(folder, lab);
  fs::create_directory(folder / "other");
  const fs::path file = folder / "other" / "x.h5";
  MaterializeOptions options;
  SECTION("it does") {
    options.layout = run_layout(Reader(dir).info(), built_in_transforms());
    static_cast<void>(materialize_run(Reader(dir), file, options));
    CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::nothing_to_do);
    CHECK_FALSE(fs::exists(own_place(folder)));
    const PruneReport pruned = prune_run(dir, built_in_transforms(), prune_all);
    CHECK(pruned.removed);
    CHECK(fs::equivalent(pruned.file, file));
  }
  SECTION("it is in another layout") {
    static_cast<void>(materialize_run(Reader(dir), file, options));
    CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::whole);
    CHECK(fs::exists(own_place(folder)));
  }
  SECTION("it holds a part") {
    options.layout = run_layout(Reader(dir).info(), built_in_transforms());
    options.exclude = {"a"};
    static_cast<void>(materialize_run(Reader(dir), file, options));
    CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::whole);
    CHECK(fs::exists(own_place(folder)));
  }
  SECTION("it is gone") {
    options.layout = run_layout(Reader(dir).info(), built_in_transforms());
    static_cast<void>(materialize_run(Reader(dir), file, options));
    fs::remove(file);
    CHECK(recover_run(dir, built_in_transforms()).outcome == Recovered::whole);
    CHECK(fs::exists(own_place(folder)));
  }
}

TEST_CASE("a live run's file is made of its checkpoint while it goes on") {
  const FreshFolder folder;
  Journal journal = Journal::create(folder / "run.daybook", run(lab));
  journal.set("a", Value(1));
  std::optional<CheckpointAnswers> answers(journal);
  CheckpointRunOptions options;
  options.timeout = 60s;
  for (int i = 2; i < 4; ++i) {
    const CheckpointRunReport report = checkpoint_run(journal.path(), built_in_transforms(), options);
    CHECK(report.live);
    REQUIRE(report.checkpoint);
    CHECK(report.made.up_to == *report.checkpoint);
    CHECK_FALSE(report.made.complete);
    CHECK(report.made.layout == "lab");
    CHECK(identity(own_place(folder)).event == *report.checkpoint);
    journal.set("a", Value(i));
  }
  SECTION("a writer that went on before the file was made") {
    answers.reset();
    std::thread writer([&] {
      while (!find_checkpoint_request(journal.path())) std::this_thread::sleep_for(1ms);
      journal.checkpoint("checkpoint");
      journal.set("a", Value(99));
      journal.commit();
      remove_checkpoint_request(journal.path());
    });
    const CheckpointRunReport report = checkpoint_run(journal.path(), built_in_transforms(), options);
    writer.join();
    REQUIRE(report.checkpoint);
    CHECK(*report.checkpoint == journal.statistics().last - 1);
    CHECK(report.made.up_to == *report.checkpoint);
  }
  SECTION("a writer that does not answer") {
    answers.reset();
    journal.commit();
    options.timeout = 20ms;
    const CheckpointRunReport report = checkpoint_run(journal.path(), built_in_transforms(), options);
    CHECK_FALSE(report.checkpoint);
    CHECK_THAT(report.not_answered, Contains("20 ms"));
    CHECK(report.made.up_to == journal.statistics().last);
    journal.finish();
  }
  SECTION("a run that has ended") {
    answers.reset();
    journal.finish();
    const CheckpointRunReport report = checkpoint_run(folder / "run.daybook", built_in_transforms(), options);
    CHECK_FALSE(report.live);
    CHECK(report.not_answered.empty());
    CHECK(report.made.complete);
    CHECK(report.made.not_recorded.empty());
    CHECK(identity(own_place(folder)).complete);
  }
  answers.reset();
}
