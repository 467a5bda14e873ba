// Kills: a writer of several threads is killed by SIGKILL at a random moment, at a named point of the code or at a system
// call, up to three times in a journal's life, and what is left is compared with what it had acknowledged.

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <thread>

#include "crash/lab.h"
#include "crash/ledger.h"
#include "crash/process.h"
#include "crash/script.h"
#include "crash/wire.h"
#include "crash/writer.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/compare.h"

namespace daybook::crash {

namespace {

constexpr std::uint64_t usual_kills = 400;
constexpr unsigned large = 20;

// With how often each is passed, about, in one life.
struct Point {
  const char* name;
  unsigned passes;
};
constexpr std::array<Point, 46> points{{{"create.folder", 1},
                                        {"create.intake", 1},
                                        {"create.store", 1},
                                        {"create.synced", 1},
                                        {"create.renamed", 1},
                                        {"create.done", 1},
                                        {"open.before", 1},
                                        {"open.clean", 1},
                                        {"open.intake", 1},
                                        {"open.state", 1},
                                        {"open.published", 1},
                                        {"open.synced", 1},
                                        {"recover.before_commit", 1},
                                        {"recover.after_commit", 1},
                                        {"recover.before_growth", 1},
                                        {"recover.drained", 1},
                                        {"recover.removed", 1},
                                        {"recover.synced", 1},
                                        {"append.before", 600},
                                        {"publish.before", 600},
                                        {"publish.after", 600},
                                        {"wrap.before", 2},
                                        {"wrap.after", 2},
                                        {"batch.before", 20},
                                        {"commit.before", 20},
                                        {"commit.after", 20},
                                        {"batch.after", 20},
                                        {"grow.before", 2},
                                        {"grow.after", 2},
                                        {"direct.before", 8},
                                        {"direct.after", 8},
                                        {"sync.before", 5},
                                        {"sync.after", 5},
                                        {"finish.before", 1},
                                        {"finish.ended", 1},
                                        {"close.before", 1},
                                        {"close.committed", 1},
                                        {"close.removed", 1},
                                        {"close.synced", 1},
                                        {"output.made", 2},
                                        {"output.written", 2},
                                        {"output.synced", 2},
                                        {"output.renamed", 2},
                                        {"output.done", 2},
                                        {"random", 1},
                                        {"call", 1}}};

struct Plan {
  const Point* point = nullptr;
  std::uint64_t nth = 1;
  std::chrono::microseconds delay{0};
  bool after = false;
};

Plan make_plan_of(const Order& order, std::mt19937_64& random) {
  Plan plan;
  plan.point = &points[random() % points.size()];
  if (random() % 3 == 0) plan.point = &points[points.size() - 1 - random() % 2];
  for (const auto& point : points) {
    if (order.only == point.name) plan.point = &point;
  }
  plan.nth = 1 + random() % plan.point->passes;
  plan.delay = std::chrono::microseconds(random() % 15000);
  plan.after = random() % 2 == 0;
  if (std::string_view(plan.point->name) == "call") plan.nth = 1 + random() % 250;
  return plan;
}

// One life of a journal's writer. Returns whether it was killed.
bool live(const Work& work, const Plan& plan, Ledger& ledger) {
  Wire wire;
  const std::string_view name = plan.point->name;
  Child child([&] {
    if (name == "call") {
      watch(work.folder, nullptr);
      Fault fault;
      fault.call = Call::any;
      fault.nth = plan.nth;
      fault.effect = plan.after ? Fault::Effect::kill_after : Fault::Effect::kill_before;
      arm(fault);
    } else if (name != "random") {
      kill_at(name, plan.nth);
    }
    do_work(work, wire.report());
    make_file(work, wire.report());
  });
  if (name == "random") {
    std::this_thread::sleep_for(plan.delay);
    child.kill();
  }
  for (const auto& mark : wire.read_all()) ledger.add(mark);
  const auto ending = child.wait();
  if (!ending.good && !ending.killed) throw Violation{"the writer: " + ending.trouble};
  return ending.killed;
}

void check_file(const Work& work, const Ledger& ledger) {
  for (const auto& one : std::filesystem::directory_iterator(work.folder)) {
    const auto name = one.path().filename();
    if (name.extension() == ".h5" && name != "out.h5") throw Violation{"half a file is called " + name.string()};
  }
  if (!std::filesystem::exists(work.file())) {
    if (ledger.written) throw Violation{"lost: the file that had been written"};
    return;
  }
  const auto differences = compare(Reader(work.journal()), work.file());
  if (!differences.empty()) throw Violation{"out.h5: " + differences.front()};
}

void check(const Work& work, const Ledger& ledger, bool last) {
  const auto ending = in_child([&] {
    const auto found = check_journal(work.journal(), ledger, Crash::kill, work.seed, work.large);
    if (found.there) check_file(work, ledger);
    if (last) check_usable(work.journal(), found);
  });
  if (!ending.good) throw Violation{ending.trouble};
}

}  // namespace

Tally run_kills(const Order& order) {
  Tally tally;
  const Workshop workshop;
  ::setenv("TMPDIR", workshop.path().c_str(), 1);
  const auto wanted = order.count == 0 ? usual_kills : order.count;
  std::map<std::string, std::uint64_t> met;
  std::uint64_t idle = 0;
  for (auto seed = order.seed; tally.runs < wanted && tally.violations < 5 && idle < 2000; ++seed) {
    std::mt19937_64 random(mixed(seed, 4));
    Work work;
    work.folder = workshop.empty("run");
    work.seed = seed;
    work.threads = 1 + random() % 4;
    work.steps = 20 + random() % 250;
    work.large = large;
    work.syncs = static_cast<unsigned>(random() % 3) * 20;
    work.files = random() % 3 == 0 ? 10 : 0;
    work.map_bytes = std::uint64_t{256} << 10;
    work.interval = std::chrono::milliseconds(random() % 3 == 0 ? 100 : 1 + random() % 3);
    Ledger ledger;
    std::string story;
    try {
      const auto lives = 1 + random() % 3;
      for (std::uint64_t life = 1; life <= lives; ++life) {
        const auto plan = make_plan_of(order, random);
        work.finish = life == lives && random() % 2 == 0;
        story += (story.empty() ? "" : ", ") + std::string(plan.point->name) + ":" + std::to_string(plan.nth);
        const bool killed = live(work, plan, ledger);
        if (killed) ++met[plan.point->name];
        tally.runs += killed ? 1 : 0;
        idle = killed ? 0 : idle + 1;
        if (life == lives || random() % 2 == 0) check(work, ledger, life == lives);
        if (ledger.finishing) break;
      }
      tally.events += ledger.acknowledged_events;
    } catch (const Violation& e) {
      ++tally.violations;
      const auto kept = std::filesystem::current_path() / ("kill-" + std::to_string(seed));
      std::filesystem::copy(
          work.folder, kept,
          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
      std::printf("VIOLATION after kills at %s: %s\n  kept: %s\n  again: crash_lab kill --seed %llu --count 1%s%s\n",
                  story.c_str(), e.what.c_str(), kept.c_str(), static_cast<unsigned long long>(seed),
                  order.only.empty() ? "" : " --only ", order.only.c_str());
    }
  }
  std::string unmet;
  for (const auto& point : points) {
    if (!met.contains(point.name)) unmet += " " + std::string(point.name);
  }
  std::printf("killed at %zu of %zu places%s%s\n", met.size(), points.size(), unmet.empty() ? "" : "; not at",
              unmet.c_str());
  return tally;
}

}  // namespace daybook::crash
