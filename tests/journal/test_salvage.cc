// salvage() on thousands of damaged journals: nothing intact is left behind, nothing wrong is shown.
#include "daybook/journal/salvage.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "journal/damage.h"
#include "support/child.h"
#include "support/fresh_folder.h"

using namespace daybook;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t page = 4096;

std::uint64_t draw_seed() {
  const char* given = std::getenv("DAYBOOK_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

// Every event of a journal as the bytes of its record; of lost ones there is none.
std::map<Sequence, std::string> record_bytes(const fs::path& dir) {
  const auto bytes = test::read_file(dir / "data.mdb");
  std::map<Sequence, std::string> found;
  for (const auto& [sequence, extent] : damage::records(dir)) {
    auto record = bytes.substr(extent.offset, extent.size);
    const auto view = detail::find_record(std::as_bytes(std::span(record)));
    REQUIRE(view);
    bool lost = false;
    detail::with_message(*view, [&](detail::EventMessage event) { lost = event.isLost(); });
    if (!lost) found[sequence] = std::move(record);
  }
  return found;
}

// What a reader shows as of each event: key → events that make up its value.
using Shown = std::map<std::string, std::vector<Sequence>>;
Shown shown(const Reader& reader, Sequence as_of) {
  Shown found;
  for (const auto& state : reader.states(as_of)) {
    auto& made_of = found[std::to_string(static_cast<int>(state.group)) + state.key];
    made_of.push_back(state.base);
    reader.changes(state, [&](const Event& event) { made_of.push_back(event.sequence); });
    CHECK(made_of.back() == state.head);
  }
  return found;
}

// What a model that knows the whole history says may be shown where only `left` is left: of each chain the newest event
// whose base and whose changes from there on are all left.
struct Model {
  struct Step {
    std::string chain;
    Sequence base = 0;
    bool removed = false;
  };
  std::map<Sequence, Step> steps;  // of dataset and archive chains

  explicit Model(const Reader& reader) {
    reader.events(1, reader.last(), [&](const Event& event) {
      const bool dataset = std::holds_alternative<Set>(event.body) || std::holds_alternative<Mutate>(event.body) ||
                           std::holds_alternative<MutateItem>(event.body) ||
                           std::holds_alternative<Replace>(event.body) || std::holds_alternative<Append>(event.body) ||
                           std::holds_alternative<Remove>(event.body);
      if (dataset || std::holds_alternative<Archived>(event.body))
        steps[event.sequence] = {(dataset ? "0" : "1") + std::string(event.key), event.base,
                                 std::holds_alternative<Remove>(event.body)};
      return true;
    });
  }

  template <class Left>
  Shown shown(Sequence as_of, const Left& left) const {
    std::map<std::string, std::vector<Sequence>> run;  // events of a chain since its base
    std::map<std::string, bool> whole;
    Shown found;
    for (const auto& [sequence, step] : steps) {
      if (sequence > as_of) break;
      auto& since = run[step.chain];
      if (step.base == sequence) since.clear(), whole[step.chain] = true;
      since.push_back(sequence);
      if (!left.contains(sequence)) whole[step.chain] = false;
      if (!whole[step.chain]) continue;
      if (step.removed)
        found.erase(step.chain);
      else
        found[step.chain] = since;
    }
    return found;
  }
};

class Sound {
 public:
  Sound()
      : dir(damage::make("j")),
        good(test::read_file(dir / "data.mdb")),
        places(damage::records(dir)),
        records(record_bytes(dir)),
        model(Reader(dir)) {}
  fs::path dir;
  std::string good;
  std::map<Sequence, damage::Extent> places;
  std::map<Sequence, std::string> records;
  Model model;

  // Whose record stands, in one piece and unchanged, anywhere in these bytes.
  [[nodiscard]] std::set<Sequence> intact(const std::string& bytes) const {
    std::set<Sequence> left;
    for (const auto& [sequence, record] : records)
      if (bytes.find(record) != std::string::npos) left.insert(sequence);
    return left;
  }

  // Salvages these bytes as data.mdb and checks everything that is promised.
  void check(const std::string& bytes, bool readers) const {
    fs::remove_all("bad");
    fs::remove_all("saved");
    fs::create_directory("bad");
    test::write_file("bad/data.mdb", bytes);
    const auto left = intact(bytes);
    const auto found = salvage("bad", "saved");
    CHECK(test::read_file("bad/data.mdb") == bytes);
    REQUIRE(found.events == left.size());
    if (left.empty()) {
      CHECK_FALSE(fs::exists("saved"));
      return;
    }
    CHECK(found.lost == found.last - found.events);
    CHECK(found.last >= *left.rbegin());
    Sequence in_ranges = 0;
    for (const auto& range : found.ranges) {
      in_ranges += range.last - range.first + 1;
      for (const auto sequence : left) CHECK((sequence < range.first || sequence > range.last));
    }
    CHECK(in_ranges == found.lost);
    const auto verification = verify("saved");
    for (const auto& one : verification.damage) FAIL_CHECK("saved: " << one.what);
    CHECK(verification.events == left.size());
    CHECK(verification.lost == found.lost);
    if (!readers) return;
    const auto saved = record_bytes("saved");
    REQUIRE(saved.size() == left.size());
    for (const auto& [sequence, record] : saved) REQUIRE(record == records.at(sequence));
    const Reader reader("saved");
    REQUIRE(reader.salvaged());
    CHECK(reader.salvaged()->lost == found.lost);
    Sequence expected = 1;
    reader.events(1, reader.last(), [&](const Event& event) {
      CHECK(event.sequence == expected);
      const auto* lost = std::get_if<Lost>(&event.body);
      expected = lost != nullptr ? lost->up_to + 1 : expected + 1;
      return true;
    });
    CHECK(expected == found.last + 1);
    for (const auto& range : found.ranges) {  // also from the middle of what is lost
      const auto middle = range.first + (range.last - range.first) / 2;
      std::vector<Sequence> seen;
      reader.events(middle, range.last + 1, [&](const Event& event) {
        seen.push_back(event.sequence);
        return true;
      });
      CHECK(seen.front() == middle);
      CHECK(seen.back() == (range.last < found.last ? range.last + 1 : middle));
      CHECK(std::holds_alternative<Lost>(reader.event(middle).body));
    }
    CHECK_NOTHROW(reader.stages(reader.last()));
    CHECK_NOTHROW(reader.checkpoints());
    CHECK_NOTHROW(reader.attributes("image", reader.last()));
    for (Sequence as_of = found.last; as_of != 0; as_of -= std::min<Sequence>(as_of, 1 + found.last / 7)) {
      INFO("as of " << as_of);
      CHECK(shown(reader, as_of) == model.shown(as_of, left));
    }
    // Of each dataset that is not as it was, something is said.
    const auto now = shown(reader, reader.last());
    for (const auto& dataset : model.shown(found.last, records)) {
      const auto& chain = dataset.first;
      const auto here = now.find(chain);
      if (here != now.end() && here->second == dataset.second) continue;
      const bool said = std::any_of(found.keys.begin(), found.keys.end(), [&](const LostOfKey& key) {
        return std::to_string(static_cast<int>(key.what)) + key.key == chain;
      });
      const bool nothing_left = std::none_of(left.begin(), left.end(), [&](Sequence sequence) {
        const auto step = model.steps.find(sequence);
        return step != model.steps.end() && step->second.chain == chain;
      });
      INFO(chain);
      CHECK((said || nothing_left));
    }
  }
};

}  // namespace

TEST_CASE("salvage of a sound journal is that journal, and says that nothing is lost") {
  const Sound sound;
  const auto found = salvage(sound.dir, "saved");
  CHECK(found.lost == 0);
  CHECK(found.events == sound.records.size());
  CHECK(found.keys.empty());
  CHECK(found.ranges.empty());
  CHECK(found.phase == Phase::finished);
  CHECK(record_bytes("saved") == sound.records);
  const auto verification = verify("saved");
  CHECK(verification.damage.empty());
  REQUIRE(verification.salvaged);
  CHECK(verification.salvaged->source == fs::absolute("j"));
  CHECK_THROWS_AS(salvage(sound.dir, "saved"), InvalidError);
  CHECK_THROWS_AS(Journal::open("saved"), InvalidError);
  salvage("saved", "again");
  CHECK(record_bytes("again") == sound.records);
}

TEST_CASE("salvage returns every intact record of damaged files, and verify finds nothing wrong with the result") {
  const Sound sound;
  const auto seed = draw_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto pages = sound.good.size() / page;
  const auto noise = [&](std::size_t count) {
    std::string bytes(count, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    return bytes;
  };
  SECTION("each record hit") {
    for (const auto& [sequence, place] : sound.places) {
      INFO("event " << sequence);
      auto bytes = sound.good;
      // In every copy.
      for (auto at = bytes.find(sound.records.at(sequence)); at != std::string::npos;
           at = bytes.find(sound.records.at(sequence)))
        bytes[at + random() % place.size] ^= static_cast<char>(1 << random() % 8);
      sound.check(bytes, true);
    }
  }
  SECTION("several records hit") {
    for (int n = 0; n < 40; ++n) {
      auto bytes = sound.good;
      for (const auto& [sequence, place] : sound.places) {
        if (random() % 4 != 0) continue;
        for (auto at = bytes.find(sound.records.at(sequence)); at != std::string::npos;
             at = bytes.find(sound.records.at(sequence)))
          bytes[at + 40] ^= 1;
      }
      sound.check(bytes, true);
    }
  }
  SECTION("the pages' structure") {
    for (std::size_t p = 0; p < pages; ++p)
      for (std::size_t n = 0; n < (p < 2 ? 152U : 32U); n += 1 + random() % 7) {
        INFO("page " << p << " byte " << n);
        auto bytes = sound.good;
        bytes[p * page + n] ^= static_cast<char>(1 << random() % 8);
        sound.check(bytes, false);
      }
  }
  SECTION("zeroed, random, doubled and swapped pages") {
    for (std::size_t p = 0; p < pages; ++p) {
      const auto other = random() % pages;
      INFO("page " << p << ", " << other);
      auto bytes = sound.good;
      sound.check(bytes.replace(p * page, page, page, '\0'), p % 3 == 0);
      sound.check(bytes.replace(p * page, page, noise(page)), false);
      sound.check(bytes.replace(p * page, page, sound.good.substr(other * page, page)), p % 3 == 1);
      sound.check(bytes.replace(other * page, page, sound.good.substr(p * page, page)), p % 3 == 2);
      bytes = sound.good;
      sound.check(bytes.insert(p * page, sound.good.substr(other * page, page)), false);
    }
  }
  SECTION("cut short, and without its beginning") {
    for (std::size_t length = sound.good.size(); length > 0; length -= std::min(length, 1 + random() % 6000)) {
      INFO(length << " bytes");
      sound.check(sound.good.substr(0, length), length % 2 == 0);
      sound.check(sound.good.substr(sound.good.size() - length), length % 2 != 0);
    }
  }
  SECTION("all pages shuffled") {
    std::vector<std::size_t> order(pages);
    for (std::size_t p = 0; p < pages; ++p) order[p] = p;
    for (int n = 0; n < 5; ++n) {
      std::shuffle(order.begin(), order.end(), random);
      std::string bytes;
      for (const auto p : order) bytes += sound.good.substr(p * page, page);
      sound.check(bytes, true);
    }
  }
}

TEST_CASE("salvage takes what recovery would, and what stands behind a torn record") {
  // The newest event but one is to stand in the intake alone. A committer that was quicker, also one that was killed in
  // the middle of its transaction, has left it in data.mdb: once more.
  const Sequence torn = 2001;
  std::map<Sequence, std::string> all;
  const auto head_of = [&](Sequence sequence) { return all.at(sequence).substr(8, 32); };
  do {
    fs::remove_all("j");
    fs::remove_all("whole");
    REQUIRE(test::was_killed(test::in_killed_child([] {
      JournalOptions options;
      options.commit_interval = std::chrono::hours(1);
      options.intake_bytes = 64 << 10;
      auto journal = Journal::create("j", damage::info(), options);
      for (int i = 0; i < 2000; ++i) journal.set("x" + std::to_string(i % 3), i);  // many laps
      journal.set("last", 1);
      ::kill(::getpid(), SIGKILL);
    })));
    fs::copy("j", "whole");
    recover("whole");
    all = record_bytes("whole");
  } while (test::read_file("j/data.mdb").find(head_of(torn)) != std::string::npos);
  REQUIRE(all.size() == 2002);
  SECTION("both files") {
    CHECK(salvage("j", "saved").lost == 0);
    CHECK(record_bytes("saved") == all);
  }
  SECTION("the intake alone") {
    const auto found = salvage("j/intake", "saved");
    CHECK(found.last == 2002);
    CHECK(found.events > 100);
    CHECK(found.info_made);
    CHECK(found.info.uuid == Reader("whole").info().uuid);
    CHECK(verify("saved").damage.empty());
    CHECK(Reader("saved").find_state(Group::datasets, "last", 2002).value().head == 2002);
  }
  SECTION("a torn record in the intake") {
    auto intake = test::read_file("j/intake");
    const auto at = intake.find(head_of(torn));
    REQUIRE(at != std::string::npos);
    intake[at + 60] ^= 1;
    test::write_file("j/intake", intake);
    const auto found = salvage("j", "saved");
    CHECK(found.last == 2002);
    REQUIRE(found.ranges.size() == 1);
    CHECK(found.ranges[0].first == torn);
    CHECK(found.ranges[0].last == torn);
    CHECK(verify("saved").damage.empty());
  }
}

TEST_CASE("of the records of two runs salvage takes those of one") {
  damage::make("a");
  {
    auto journal = Journal::create("b", damage::info());
    journal.set("x", 1);
    journal.finish();
  }
  const auto small = Reader("b").info().uuid;
  test::write_file("heap", "xyz" + test::read_file("a/data.mdb") + test::read_file("b/data.mdb"));
  const auto most = salvage("heap", "saved");
  CHECK(most.info.uuid == Reader("a").info().uuid);
  CHECK(most.lost == 0);
  REQUIRE(most.others.size() == 1);
  CHECK(most.others[0].uuid == small);
  CHECK(most.others[0].records == 3);
  SalvageOptions options;
  options.uuid = small;
  CHECK(salvage("heap", "other", options).events == 3);
  CHECK(record_bytes("other") == record_bytes("b"));
  options.uuid = Uuid{1};
  CHECK_THROWS_AS(salvage("heap", "none", options), InvalidError);
}

TEST_CASE("a value of which a part is lost is not shown, and the one before it is") {
  {
    auto journal = Journal::create("j", damage::info());
    journal.set("big", 1);
    std::vector<double> values(3'000'000, 0.5);
    journal.set("big", Value::array(values.data(), {values.size()}));  // 3 is a part, 4 the event
    journal.set("other", 2);
    journal.finish();
  }
  auto bytes = test::read_file("j/data.mdb");
  bytes[damage::records("j").at(3).offset + 5000] ^= 1;
  test::write_file("j/data.mdb", bytes);
  const auto found = salvage("j", "saved");
  CHECK(found.lost == 1);
  REQUIRE(found.keys.size() == 1);
  CHECK(found.keys[0].key == "big");
  CHECK(found.keys[0].lost == std::vector<Sequence>{3});
  CHECK(found.keys[0].shown == 2);
  const Reader reader("saved");
  CHECK(reader.find_state(Group::datasets, "big", 5).value().head == 2);
  CHECK(std::holds_alternative<Lost>(reader.event(4).body));
  CHECK(reader.event(4).key == "big");
  CHECK(verify("saved").damage.empty());
}

TEST_CASE("bytes without a record make no journal") {
  test::write_file("empty", "");
  std::string noise(100'000, 'D');
  noise += "DBR1";
  test::write_file("noise", noise);
  for (const char* name : {"empty", "noise"}) {
    CHECK(salvage(name, "saved").events == 0);
    CHECK_FALSE(fs::exists("saved"));
  }
  CHECK_THROWS_AS(salvage("nothing", "saved"), StorageError);
  // Deceit: a record that is as long as can be at every place must not take time without end.
  std::string bytes;
  detail::RecordHeader header{};
  header.magic = detail::record_magic;
  header.sequence = 1;
  header.message_words = 1 << 17;
  for (int i = 0; i < 50'000; ++i) bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
  test::write_file("deceit", bytes);
  CHECK(salvage("deceit", "saved").events == 0);
}
