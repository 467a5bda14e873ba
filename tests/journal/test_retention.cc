// What retention does to one journal: which payloads go, what is left of their events, and the size of the file.

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/store.h"
#include "daybook/journal/verify.h"
#include "support/random_values.h"

using namespace daybook;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

JournalOptions keeping(std::uint64_t history_bytes) {
  JournalOptions options;
  options.history_bytes = history_bytes;
  options.commit_interval = std::chrono::milliseconds(1);
  return options;
}

std::vector<std::uint16_t> image(std::uint64_t bytes, int fill) {
  return std::vector<std::uint16_t>(bytes / 2, static_cast<std::uint16_t>(fill));
}

Value value_of(const std::vector<std::uint16_t>& pixels) { return Value::array(pixels.data(), {pixels.size()}); }

const Value& value_in(const Event& event) {
  if (const auto* set = std::get_if<Set>(&event.body)) return set->value;
  if (const auto* mutate = std::get_if<Mutate>(&event.body)) return mutate->value;
  return std::get<Replace>(event.body).value;
}

bool is_elided(const Reader& reader, Sequence sequence) {
  return value_in(reader.event(sequence)).form() == Form::elided;
}

std::uint64_t file_bytes() { return std::filesystem::file_size("run.daybook/data.mdb"); }

}  // namespace

TEST_CASE("an image that is set again and again keeps the file bounded") {
  const auto bytes = GENERATE(2 * mib, std::uint64_t{100'000}, std::uint64_t{2'504});
  CAPTURE(bytes);
  const std::uint64_t times = 400;
  const auto budget = bytes * 10;
  std::uint64_t halfway = 0;
  {
    auto journal = Journal::create("run.daybook", {}, keeping(budget));
    journal.set("counts", Value::list({}));
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto pixels = image(bytes, static_cast<int>(i));
      journal.set("image", value_of(pixels));
      journal.append("counts", i);
      if (i != times / 2) continue;
      while (journal.statistics().committed < journal.statistics().last) std::this_thread::yield();
      halfway = file_bytes();
    }
    journal.finish();
    CHECK(journal.statistics().superseded <= budget);
  }
  // The budget, the live image, and what a few commits write before pages come free: the batches of the intake.
  const auto records = times * 2 * 1024;
  CHECK(file_bytes() < budget + bytes + 4 * 16 * mib + records);
  CHECK(file_bytes() < halfway + 16 * mib + records);
  const auto found = verify("run.daybook");
  CHECK(found.damage.empty());
  CHECK(found.elided == times - 11);
}

TEST_CASE("values of all sizes do not tear the file's free room to pieces for ever") {
  test::Random random(1);
  const auto budget = 20 * mib;
  std::vector<std::uint64_t> sizes;
  auto journal = Journal::create("run.daybook", {}, keeping(budget));
  for (int i = 0; i < 2000; ++i) {
    const auto bytes = (std::uint64_t{4096} << random.below(10)) + 2 * random.below(2000);
    journal.set("image" + std::to_string(random.below(4)), value_of(image(bytes, i)));
    journal.set("scalar", i);
    if (i % 200 != 199) continue;
    while (journal.statistics().committed < journal.statistics().last) std::this_thread::yield();
    sizes.push_back(file_bytes());
  }
  // Four live images of up to 2 MiB, and as much again as all that is kept.
  CHECK(sizes.back() < 2 * (budget + 4 * 2 * mib) + 2 * 16 * mib);
  CHECK(sizes.back() < sizes[4] + sizes[4] / 2);
}

TEST_CASE("an elided event keeps all but its value") {
  const auto first = image(4096, 1), second = image(4096, 2);
  {
    auto journal = Journal::create("run.daybook", {}, keeping(0));
    SetOptions options;
    options.persist = true;
    options.metadata = {{"unit", "counts"}, {"gain", 2.5}};
    options.storage = {{"compression", "gzip"}};
    journal.set("image", value_of(first), options);
    journal.mutate("image", {{1}, {2}, {1}}, value_of({7, 8}));
    journal.replace("image", value_of(second));
  }
  const Reader reader("run.daybook");
  const auto event = reader.event(2);
  const auto& set = std::get<Set>(event.body);
  CHECK(event.key == "image");
  CHECK(set.persist);
  CHECK(set.value.form() == Form::elided);
  CHECK(set.value.elided_form() == Form::array);
  CHECK(set.value.elided_bytes() == 4096);
  CHECK(set.value.type() == Type::of<std::uint16_t>());
  CHECK(set.value.shape() == Shape{2048});
  CHECK(describe(set.value) == "<u2 (2048), elided");
  CHECK_THROWS_AS(set.value.bytes(), ElidedError);
  CHECK_THROWS_AS(set.value.segments(), ElidedError);
  CHECK_THROWS_AS(set.value.item(0), ElidedError);
  std::byte byte{};
  CHECK_THROWS_AS(set.value.read_bytes(0, {&byte, 1}), ElidedError);
  // The replaced value is gone; what was declared with it still counts.
  REQUIRE(set.metadata.size() == 2);
  CHECK(set.metadata[0].value == Value("counts"));
  CHECK(set.metadata[1].value.as<double>() == 2.5);
  CHECK(set.options[0].value == Value("gzip"));
  // Four bytes are not worth it: the small change has its value, and nothing to apply it to.
  CHECK(std::get<Mutate>(reader.event(3).body).value == value_of({7, 8}));
  CHECK(value_in(reader.event(4)) == value_of(second));
  const auto state = *reader.find_state(Group::datasets, "image", reader.last());
  CHECK(state.declared == 2);
  auto journal = Journal::create("other.daybook", {});
  CHECK_THROWS_AS(journal.append(event), ElidedError);
}

TEST_CASE("a value in parts goes with its parts, and its metadata stay wherever they stand") {
  const auto extra = GENERATE(std::uint64_t{8}, 16 * mib - 1000, 16 * mib - 8);
  const auto large = image(16 * mib + extra, 1);
  const std::string note(3000, 'n');  // may begin in the last part
  {
    auto journal = Journal::create("run.daybook", {}, keeping(0));
    SetOptions options;
    options.metadata = {{"note", Value(note)}};
    journal.set("image", value_of(large), options);
    journal.replace("image", 5);
  }
  CHECK(file_bytes() < 90 * mib);
  const Reader reader("run.daybook");
  Sequence parts = 0, elided = 0;
  reader.events(1, reader.last(), [&](const Event& event) {
    if (const auto* part = std::get_if<Part>(&event.body)) {
      ++parts;
      CHECK(part->elided);
      CHECK(part->bytes.empty());
    }
    if (const auto* set = std::get_if<Set>(&event.body)) {
      ++elided;
      CHECK(set->value.elided_bytes() == large.size() * 2);
      CHECK(set->metadata.at(0).value == Value(note));
    }
    return true;
  });
  CHECK(parts >= 1);
  CHECK(elided == 1);
  const auto found = verify("run.daybook");
  CHECK(found.damage.empty());
  CHECK(found.elided == parts + 1);
}

TEST_CASE("a checkpoint keeps what its state needs until another takes its name") {
  {
    auto journal = Journal::create("run.daybook", {}, keeping(0));
    journal.set("image", value_of(image(4000, 1)));                         // 2
    journal.mutate("image", {{0}, {1500}, {1}}, value_of(image(3000, 2)));  // 3
    journal.checkpoint("a");                                                // 4
    journal.mutate("image", {{0}, {1500}, {1}}, value_of(image(3000, 3)));  // 5: after the checkpoint, not needed by it
    journal.set("image", value_of(image(4000, 4)));                         // 6
    journal.checkpoint("b");                                                // 7
    journal.set("image", value_of(image(4000, 5)));                         // 8
  }
  {
    const Reader reader("run.daybook");
    for (const Sequence sequence : {2, 3, 6, 8}) CHECK_FALSE(is_elided(reader, sequence));
    CHECK(is_elided(reader, 5));
  }
  {
    auto journal = Journal::open("run.daybook", keeping(0));
    journal.checkpoint("a");  // 9: of event 8
  }
  const Reader reader("run.daybook");
  for (const Sequence sequence : {2, 3, 5}) CHECK(is_elided(reader, sequence));
  for (const Sequence sequence : {6, 8}) CHECK_FALSE(is_elided(reader, sequence));
  CHECK(verify("run.daybook").damage.empty());
}

TEST_CASE("a removed value is history, and a smaller budget is met without a new event") {
  {
    auto journal = Journal::create("run.daybook", {}, keeping(unlimited_history));
    for (int i = 0; i < 10; ++i) journal.set("image", value_of(image(4000, i)));
    journal.remove("image");
    journal.close();
    CHECK(journal.statistics().superseded == 40'000);
  }
  auto journal = Journal::open("run.daybook", keeping(12'000));
  journal.close();
  CHECK(journal.statistics().superseded == 12'000);
  const Reader reader("run.daybook");
  for (Sequence sequence = 2; sequence <= 11; ++sequence) CHECK(is_elided(reader, sequence) == (sequence < 9));
}

TEST_CASE("a journal from before there was retention is gone on with under a budget") {
  {
    auto journal = Journal::create("run.daybook", {});
    journal.set("list", Value::list({}));
  }
  {
    const auto store = detail::Store::open("run.daybook", detail::Store::Access::write);
    auto transaction = store->begin_write();
    REQUIRE(mdb_drop(transaction.handle(), store->databases().payloads, 1) == 0);
    REQUIRE(mdb_drop(transaction.handle(), store->databases().superseded, 1) == 0);
    transaction.commit();
  }
  Sequence first = 0;
  {
    auto journal = Journal::open("run.daybook", keeping(0));
    first = journal.set("image", value_of(image(4000, 1)));
    journal.set("image", value_of(image(4000, 2)));
    journal.set("list", 1);  // its former value is not on the books
  }
  const Reader reader("run.daybook");
  CHECK(is_elided(reader, first));
  const auto found = verify("run.daybook");
  CHECK(found.damage.empty());
  CHECK(found.elided == 1);
}

TEST_CASE("a snapshot keeps what it saw while the writer drops it") {
  auto journal = Journal::create("run.daybook", {}, keeping(0));
  const auto pixels = image(100'000, 1);
  journal.set("image", value_of(pixels));
  while (journal.statistics().committed < 2) std::this_thread::yield();
  Reader reader("run.daybook");
  for (int i = 0; i < 200; ++i) journal.set("image", value_of(image(100'000, i)));
  while (journal.statistics().committed < 202) std::this_thread::yield();
  CHECK(value_in(reader.event(2)) == value_of(pixels));
  reader.refresh();
  CHECK(is_elided(reader, 2));
}

TEST_CASE("verify beside a writer that drops history finds no damage") {
  auto journal = Journal::create("run.daybook", {}, keeping(20'000));
  for (int i = 0; i < 50; ++i) journal.set("image", value_of(image(4000, i)));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      journal.set("image", value_of(image(4000, i)));
      if (i % 32 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int i = 0; i < 10; ++i) {
    const auto found = verify("run.daybook");
    for (const auto& damage : found.damage) CHECK(damage.what.empty());
  }
  stop = true;
  writer.join();
}
