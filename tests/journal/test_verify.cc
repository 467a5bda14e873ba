// verify() on sound journals, and on thousands of damaged ones.
#include "daybook/journal/verify.h"

#include <fcntl.h>
#include <lmdb.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/store.h"
#include "journal/damage.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using detail::event_key;

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

// Changes bytes of a file in place and puts them back.
class Patch {
 public:
  Patch(const fs::path& file, std::uint64_t offset, std::string bytes)
      : fd_(::open(file.c_str(), O_RDWR)), offset_(static_cast<off_t>(offset)), before_(bytes.size(), '\0') {
    REQUIRE(::pread(fd_, before_.data(), before_.size(), offset_) == static_cast<ssize_t>(before_.size()));
    REQUIRE(::pwrite(fd_, bytes.data(), bytes.size(), offset_) == static_cast<ssize_t>(bytes.size()));
  }
  Patch(const Patch&) = delete;
  Patch& operator=(const Patch&) = delete;
  ~Patch() {
    static_cast<void>(::pwrite(fd_, before_.data(), before_.size(), offset_) + 0);
    ::close(fd_);
  }

 private:
  int fd_;
  off_t offset_;
  std::string before_;
};

std::string flipped(char byte, unsigned bit) { return std::string(1, static_cast<char>(byte ^ (1 << bit))); }

bool tells_of(const Verification& verification, Sequence sequence) {
  for (const auto& damage : verification.damage)
    if (damage.sequence == sequence && damage.what.find("event " + std::to_string(sequence)) != std::string::npos)
      return true;
  return false;
}

std::string text_of(const Verification& verification) {
  std::string text;
  for (const auto& damage : verification.damage) text += damage.what + "\n";
  return text;
}

std::uint64_t draw_seed() {
  const char* given = std::getenv("DAYBOOK_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

// Edits databases of a journal that nobody has open.
void edit(const fs::path& dir, const std::function<void(MDB_txn*, const detail::Store::Databases&)>& change) {
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_set_maxdbs(env, 8) == 0);
  REQUIRE(mdb_env_open(env, dir.c_str(), 0, 0644) == 0);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  detail::Store::Databases db;
  REQUIRE(mdb_dbi_open(txn, detail::run_db, 0, &db.run) == 0);
  REQUIRE(mdb_dbi_open(txn, detail::events_db, 0, &db.events) == 0);
  REQUIRE(mdb_dbi_open(txn, detail::heads_db, 0, &db.heads) == 0);
  REQUIRE(mdb_dbi_open(txn, detail::checkpoints_db, 0, &db.checkpoints) == 0);
  change(txn, db);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

MDB_val val(const auto& bytes) { return {bytes.size(), const_cast<void*>(static_cast<const void*>(bytes.data()))}; }

void put(MDB_txn* txn, MDB_dbi db, const auto& key, const auto& value) {
  auto k = val(key), v = val(value);
  REQUIRE(mdb_put(txn, db, &k, &v, 0) == 0);
}

void erase(MDB_txn* txn, MDB_dbi db, const auto& key) {
  auto k = val(key);
  REQUIRE(mdb_del(txn, db, &k, nullptr) == 0);
}

std::array<std::byte, 8> little_endian(Sequence sequence) {
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &sequence, sizeof sequence);
  return bytes;
}

std::string stored(MDB_txn* txn, MDB_dbi db, const auto& key) {
  auto k = val(key);
  MDB_val v{};
  REQUIRE(mdb_get(txn, db, &k, &v) == 0);
  return {static_cast<const char*>(v.mv_data), v.mv_size};
}

// The record with another checksum, after it was edited.
void reseal(std::string& record) {
  detail::RecordHeader header{};
  std::memcpy(&header, record.data(), sizeof header);
  const auto bytes = std::as_bytes(std::span(record));
  const auto message = bytes.subspan(sizeof header, header.message_words * 8);
  header.checksum =
      detail::record_checksum(header, message, detail::payload_hash(bytes.subspan(sizeof header + message.size())));
  std::memcpy(record.data(), &header, sizeof header);
}

}  // namespace

TEST_CASE("verify finds nothing wrong with a sound journal") {
  const auto dir = damage::make("j");
  Sequence done = 0, total = 0;
  const auto verification = verify(dir, [&](Sequence d, Sequence t) { done = d, total = t; });
  INFO(text_of(verification));
  CHECK(verification.damage.empty());
  CHECK(verification.events == Reader(dir).last());
  CHECK(verification.last == verification.events);
  CHECK(verification.unknown_kinds == 0);
  CHECK(verification.intake.empty());
  CHECK(done == verification.last);
  CHECK(total == verification.last);
}

TEST_CASE("verify says what is no journal") {
  fs::create_directory("folder");
  CHECK_THROWS_AS(verify("folder"), UnsupportedError);
  CHECK_THROWS_AS(verify("nothing"), UnsupportedError);
  spill("folder/data.mdb", "");
  CHECK_FALSE(verify("folder").damage.empty());
}

TEST_CASE("verify looks at a journal under its writer's hands, and at what a crash left of it") {
  JournalOptions slowly;
  slowly.commit_interval = std::chrono::seconds(60);
  auto journal = Journal::create("j", damage::info(), slowly);
  damage::fill(journal);
  const auto last = journal.statistics().last, committed = journal.statistics().committed;
  REQUIRE(committed < last);
  const auto live = verify("j");
  INFO(text_of(live));
  CHECK(live.damage.empty());
  CHECK(live.intake.find("on the way to data.mdb") != std::string::npos);

  fs::create_directory("crashed");
  for (const char* name : {"data.mdb", "intake"}) fs::copy_file(fs::path("j") / name, fs::path("crashed") / name);
  const auto crashed = verify("crashed");
  CHECK(crashed.damage.empty());
  CHECK(crashed.events == crashed.last);
  const auto waiting = std::to_string(last - crashed.last) + " events waiting to be recovered (sequence " +
                       std::to_string(crashed.last + 1) + " to " + std::to_string(last) + ")";
  CHECK(crashed.intake == waiting);

  SECTION("and recovery comes to what it said") {
    CHECK(recover("crashed").last == last);
    const auto recovered = verify("crashed");
    INFO(text_of(recovered));
    CHECK(recovered.damage.empty());
    CHECK(recovered.events == last);
    CHECK(recovered.intake.empty());
  }
  SECTION("with any byte of the intake's front changed") {
    const auto seed = draw_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto intake = slurp("crashed/intake").substr(0, 40000);
    for (int n = 0; n < 1000; ++n) {
      const auto at = n % 2 == 0 ? random() % 64 : random() % intake.size();
      const Patch patch("crashed/intake", at, flipped(intake[at], static_cast<unsigned>(random() % 8)));
      const auto verification = verify("crashed");
      INFO("offset " << at << ": " << text_of(verification));
      CHECK(verification.events == crashed.events);
      CHECK(verification.damage.empty() == (at >= 56));  // a torn record is how a crash looks, a torn header is damage
    }
    for (const std::uintmax_t size : {0, 10, 64, 4096, 100000}) {
      fs::resize_file("crashed/intake", size);
      CHECK_FALSE(verify("crashed").damage.empty());
    }
  }
}

TEST_CASE("verify sees a sound journal at every moment of its being written") {
  JournalOptions often;
  often.commit_interval = std::chrono::milliseconds(1);
  auto journal = Journal::create("j", damage::info(), often);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      journal.set("key " + std::to_string(i % 500), i);
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  Sequence seen = 0;
  int looks = 0;
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(700);
       std::chrono::steady_clock::now() < end; ++looks) {
    const auto verification = verify("j");
    INFO(text_of(verification));
    CHECK(verification.damage.empty());
    CHECK(verification.events == verification.last);
    CHECK(verification.last >= seen);
    seen = verification.last;
  }
  stop = true;
  writer.join();
  CHECK(looks > 1);
}

TEST_CASE("verify names the event whose record was changed, and so does the Reader") {
  const auto dir = damage::make("j");
  const auto file = dir / "data.mdb";
  const auto good = slurp(file);
  const auto records = damage::records(dir);
  const auto seed = draw_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const auto& [sequence, extent] : records) {
    for (std::uint64_t n = 0; n < extent.size; n += extent.size < 400 ? 3 : 1 + random() % (extent.size / 50)) {
      const auto at = extent.offset + n;
      const Patch patch(file, at, flipped(good[at], static_cast<unsigned>(random() % 8)));
      const auto verification = verify(dir);
      INFO("event " << sequence << ", byte " << n << " of its record: " << text_of(verification));
      REQUIRE(tells_of(verification, sequence));
      REQUIRE(verification.events == records.size() - 1);
    }
    const auto at = extent.offset + random() % extent.size;
    const Patch patch(file, at, flipped(good[at], static_cast<unsigned>(random() % 8)));
    const Reader reader(dir);
    try {
      static_cast<void>(reader.event(sequence));
      FAIL("event " << sequence << " was read in spite of its damage");
    } catch (const CorruptError& e) {
      INFO(e.what());
      CHECK(std::string(e.what()).find("data.mdb") != std::string::npos);
      CHECK(std::string(e.what()).find("event " + std::to_string(sequence)) != std::string::npos);
    }
  }
  CHECK(verify(dir).damage.empty());
}

TEST_CASE("verify keeps its footing on any bytes") {
  const auto dir = damage::make("j");
  const auto file = dir / "data.mdb";
  const auto good = slurp(file);
  const auto sound = verify(dir);
  const auto seed = draw_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const std::size_t page = 4096, pages = good.size() / page;
  const auto look = [&](bool must_tell) {
    try {
      const auto verification = verify(dir);
      CHECK(verification.events <= sound.events);
      if (must_tell || verification.events < sound.events) CHECK_FALSE(verification.damage.empty());
    } catch (const UnsupportedError&) {
      // The format number, or the names of the databases, were hit.
    }
  };
  SECTION("every byte of the pages' structure, one after the other") {
    for (std::size_t p = 0; p < pages; ++p) {
      for (std::size_t n = 0; n < (p < 2 ? 152U : 32U); ++n) {
        INFO("page " << p << " byte " << n);
        const Patch patch(file, p * page + n, flipped(good[p * page + n], static_cast<unsigned>(random() % 8)));
        // A meta page whose transaction number comes out as that of two commits ago makes the one before the newest
        // LMDB's newest: a whole, sound store of a moment earlier. LMDB 0.9 has no checksum there to tell.
        const bool turns_back = p < 2 && n >= 144;
        if (!turns_back || verify(dir).events == sound.events) look(false);
      }
    }
  }
  SECTION("any byte") {
    for (int n = 0; n < 2000; ++n) {
      const auto at = random() % good.size();
      INFO("offset " << at);
      const Patch patch(file, at, std::string(1, static_cast<char>(random())));
      look(false);
    }
  }
  SECTION("zeroed, random, moved and swapped pages") {
    for (std::size_t p = 0; p < pages; ++p) {
      INFO("page " << p);
      const auto other = random() % pages;
      std::string noise(page, '\0');
      for (auto& c : noise) c = static_cast<char>(random());
      {
        const Patch zero(file, p * page, std::string(page, '\0'));
        look(false);
      }
      {
        const Patch random_bytes(file, p * page, noise);
        look(false);
      }
      {
        const Patch moved(file, p * page, good.substr(other * page, page));
        look(false);
      }
      {
        const Patch here(file, p * page, good.substr(other * page, page));
        const Patch there(file, other * page, good.substr(p * page, page));
        look(false);
      }
    }
  }
  SECTION("cut short anywhere") {
    for (auto length = good.size() - 1;; length = length > 1000 ? length - 1 - random() % 1000 : length / 2) {
      INFO("length " << length);
      fs::resize_file(file, length);
      look(length < good.size() / 2);
      if (length == 0) break;
    }
  }
}

TEST_CASE("verify checks what ties events together") {
  const auto dir = damage::make("j");
  const auto last = verify(dir).last;
  std::string expected;
  Sequence sequence = 0;
  SECTION("a missing range is one finding") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      for (Sequence n = 5; n <= 9; ++n) erase(txn, db.events, event_key(n));
    });
    expected = "events 5 to 9 are missing";
    sequence = 5;
  }
  SECTION("missing at the end") {
    edit(dir, [&](MDB_txn* txn, const auto& db) { erase(txn, db.events, event_key(last)); });
    expected = "event " + std::to_string(last) + " is missing";
    sequence = last;
  }
  SECTION("beyond the end") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      auto record = stored(txn, db.events, event_key(last));
      const auto next = little_endian(last + 1);
      std::memcpy(record.data() + offsetof(detail::RecordHeader, sequence), next.data(), next.size());
      reseal(record);
      put(txn, db.events, event_key(last + 1), record);
    });
    expected = "beyond the last one";
    sequence = last + 1;
  }
  SECTION("under another event's key") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      put(txn, db.events, event_key(7), stored(txn, db.events, event_key(6)));
    });
    expected = "event 6: stands under the key of event 7";
    sequence = 6;
  }
  SECTION("a head that names another event") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      put(txn, db.heads, detail::head_key(detail::Chain::dataset, "key 1"), little_endian(4));
    });
    expected = "heads: names event 4 as the newest of dataset 'key 1'";
  }
  SECTION("a head that is not there") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      erase(txn, db.heads, detail::head_key(detail::Chain::archive, "constant"));
    });
    expected = "heads: has no entry for archived value 'constant'";
  }
  SECTION("a checkpoint that is none") {
    edit(dir, [&](MDB_txn* txn, const auto& db) { put(txn, db.checkpoints, std::string("whole"), little_endian(2)); });
    expected = "checkpoints: has an entry for checkpoint 'whole', event 2";
    sequence = 2;
  }
  SECTION("a chain that skips an event, and a time that runs backwards") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      auto record = stored(txn, db.events, event_key(last - 2));
      // The root pointer is 8 bytes long; behind it time, monotonic and previous take 8 each (FORMAT.md).
      std::memset(record.data() + sizeof(detail::RecordHeader) + 8, 0, 8);
      std::memset(record.data() + sizeof(detail::RecordHeader) + 24, 1, 1);
      reseal(record);
      put(txn, db.events, event_key(last - 2), record);
    });
    expected = "event " + std::to_string(last - 2) + ": is earlier than the event before it";
    sequence = last - 2;
  }
  SECTION("a record of another run") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      auto record = stored(txn, db.events, event_key(8));
      record[offsetof(detail::RecordHeader, uuid)] ^= 1;
      reseal(record);
      put(txn, db.events, event_key(8), record);
    });
    expected = "event 8: is of another run";
    sequence = 8;
  }
  SECTION("a format number that no version will have") {
    edit(dir, [&](MDB_txn* txn, const auto& db) {
      put(txn, db.run, std::string(detail::format_key), std::string("\x01\x02\x03\x04"));
    });
    expected = "the format number is damaged";
  }
  const auto verification = verify(dir);
  INFO(text_of(verification));
  CHECK(text_of(verification).find(expected) != std::string::npos);
  bool told = sequence == 0;
  for (const auto& damage : verification.damage)
    told = told || (damage.sequence == sequence && damage.what.find(expected) != std::string::npos);
  CHECK(told);
}

TEST_CASE("verify follows a value through its parts") {
  std::vector<double> values(5'000'000);
  auto journal = Journal::create("j", damage::info());
  const auto whole = journal.set("large", Value::array(values.data(), {values.size()}));
  journal.finish();
  REQUIRE(whole == 4);  // 40 MB: two parts and the rest
  const auto sound = verify("j");
  INFO(text_of(sound));
  CHECK(sound.damage.empty());
  CHECK(sound.events == whole + 1);

  const auto part = damage::records("j").at(2);
  const Patch patch("j/data.mdb", part.offset + 1'000'000, "x");
  const auto verification = verify("j");
  INFO(text_of(verification));
  CHECK(tells_of(verification, 2));
  CHECK(tells_of(verification, whole));
  CHECK(verification.damage.size() == 2);
}

TEST_CASE("verify counts event kinds that a later version added, and refuses a later format") {
  const auto dir = damage::make("j");
  const auto last = verify(dir).last;
  edit(dir, [&](MDB_txn* txn, const auto& db) {
    auto record = stored(txn, db.events, event_key(last - 1));
    // The union's tag stands at byte 36 of the data behind the root pointer (FORMAT.md).
    const std::uint16_t kind = 999;
    std::memcpy(record.data() + sizeof(detail::RecordHeader) + 8 + 36, &kind, sizeof kind);
    reseal(record);
    put(txn, db.events, event_key(last - 1), record);
  });
  const auto verification = verify(dir);
  INFO(text_of(verification));
  CHECK(verification.unknown_kinds == 1);
  CHECK(verification.damage.empty());

  edit(dir, [&](MDB_txn* txn, const auto& db) {
    put(txn, db.run, std::string(detail::format_key), std::string("\x07\x00\x00\x00", 4));
  });
  CHECK_THROWS_AS(verify(dir), UnsupportedError);
}
