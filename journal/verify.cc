#include "daybook/journal/verify.h"

#include <capnp/serialize.h>
#include <kj/exception.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/history.h"
#include "daybook/journal/pages.h"
#include "daybook/journal/record.h"
#include "daybook/journal/recover.h"
#include "daybook/journal/store.h"

namespace daybook {
namespace {

using detail::PageNumber;
using detail::PageProblem;
using detail::PageTrees;
using Bytes = std::span<const std::byte>;

constexpr std::size_t most_damage = 1000;
constexpr Sequence progress_step = 4096;
constexpr Sequence most_events = Sequence{1} << 62;
// A journal being written: how often to try for a moment at which its index stands still, and to look again at what
// seemed damaged.
constexpr int tries_for_snapshot = 100, tries_for_damage = 3;

class Findings {
 public:
  void add(Sequence sequence, std::string what) {
    if (++count_ <= most_damage) list_.push_back({sequence, std::move(what)});
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::vector<Damage> take() {
    if (count_ > most_damage) list_.push_back({0, "and " + std::to_string(count_ - most_damage) + " more"});
    return std::move(list_);
  }

 private:
  std::vector<Damage> list_;
  std::size_t count_ = 0;
};

// The one segment of a message that stands alone, as in the `run` database.
template <class Message, class Read>
void read_message(Bytes bytes, const char* what, Findings& findings, const Read& read) {
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * sizeof(capnp::word));
  try {
    if (words.empty()) throw CorruptError("it is empty");
    const std::array<const kj::ArrayPtr<const capnp::word>, 1> segments{kj::arrayPtr(words.data(), words.size())};
    capnp::SegmentArrayMessageReader reader({segments.data(), segments.size()});
    read(reader.getRoot<Message>());
  } catch (const kj::Exception& e) {
    findings.add(0, std::string("run: the ") + what + " is malformed (" + e.getDescription().cStr() + ")");
  } catch (const CorruptError& e) {
    findings.add(0, std::string("run: the ") + what + " is damaged: " + e.what());
  }
}

struct State {
  Phase phase = Phase::running;
  Sequence last = 0;
  std::uint64_t intake_position = 0, intake_id = 0;
};

struct Run {
  std::optional<RunInfo> info;
  std::optional<State> state;
  std::optional<SalvageNote> salvaged;
};

std::string place(const PageTrees::Entry& entry) { return "page " + std::to_string(entry.page) + " of data.mdb"; }

std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void check_format(Bytes value, const std::filesystem::path& dir, Findings& findings) {
  std::uint32_t format = 0;
  if (value.size() != sizeof format) return findings.add(0, "run: the format number is damaged");
  std::memcpy(&format, value.data(), sizeof format);
  if (format == detail::format_version) return;
  // Formats count in small steps: a number far off is damage and not the future.
  const auto number = format & ~detail::development_format;
  const std::string spelled =
      ((format & detail::development_format) != 0 ? "development format " : "format ") + std::to_string(number);
  if (number < 1000)
    throw UnsupportedError(
        "verifying '" + dir.string() + "': it is a journal of " + spelled +
        ", which this program does not know: use the version of Daybook that wrote it, or a newer one");
  findings.add(0, "run: the format number is damaged: " + spelled);
}

// The ring, read piece by piece: a file that is cut at this moment ends in "false".
class Ring {
 public:
  Ring(const detail::PageFile& file, const detail::IntakeHeader& header) : file_(file), header_(header) {}

  // The record that follows at `position`, if it is whole and the one with this number.
  std::optional<detail::RecordView> find_next(std::uint64_t position, Sequence sequence) {
    std::array<std::byte, detail::intake_frame_bytes + sizeof(detail::RecordHeader)> head{};
    if (!read(position, head)) return std::nullopt;
    std::uint64_t frame = 0;
    detail::RecordHeader header{};
    std::memcpy(&frame, head.data(), sizeof frame);
    std::memcpy(&header, head.data() + sizeof frame, sizeof header);
    if (frame != position || header.magic != detail::record_magic || header.sequence != sequence ||
        std::memcmp(header.uuid, header_.uuid, sizeof header.uuid) != 0 ||
        header.message_words > detail::max_message_words || header.payload_bytes > detail::max_record_payload)
      return std::nullopt;
    const auto size = detail::record_bytes(header.message_words, header.payload_bytes);
    if (size > header_.capacity - sizeof frame) return std::nullopt;
    record_.resize(size);
    if (!read(position + sizeof frame, record_)) return std::nullopt;
    return detail::find_record(record_);
  }

 private:
  bool read(std::uint64_t position, std::span<std::byte> into) const {
    const auto at = position % header_.capacity;
    const auto front = std::min<std::uint64_t>(into.size(), header_.capacity - at);
    return file_.read(header_.header_bytes + at, into.first(front)) &&
           file_.read(header_.header_bytes, into.subspan(front));
  }
  const detail::PageFile& file_;
  const detail::IntakeHeader& header_;
  std::vector<std::byte> record_;
};

// What recovery would find. A record that is torn is none: that is how a crash looks.
std::string look_at_intake(const std::filesystem::path& dir, const Run& run, Findings& findings) {
  const auto path = dir / "intake";
  if (!std::filesystem::exists(path)) return "";
  const detail::PageFile file(path);
  detail::IntakeHeader header{};
  const auto damaged = [&](const std::string& what) {
    findings.add(0, "intake: " + what);
    return "unreadable";
  };
  if (!file.read(0, std::as_writable_bytes(std::span(&header, 1)))) return damaged("it is cut short inside its header");
  if (header.magic != detail::intake_magic) return damaged("it does not start like an intake");
  if (header.checksum != XXH3_64bits(&header, offsetof(detail::IntakeHeader, checksum)))
    return damaged("the checksum of its header does not match");
  if (header.version != detail::format_version) return damaged("it is of another format than its journal");
  if (header.header_bytes != detail::intake_header_bytes || header.capacity == 0 || header.capacity % 4096 != 0)
    return damaged("its header cannot be");
  if (const auto size = file.size(); size < header.header_bytes || size - header.header_bytes < header.capacity)
    return damaged("it is cut short: " + std::to_string(size) + " bytes, its ring needs " +
                   std::to_string(header.header_bytes + header.capacity));
  if (run.info && std::memcmp(header.uuid, run.info->uuid.data(), sizeof header.uuid) != 0)
    return damaged("it belongs to another run");
  if (!run.state) return "the run's state is lost, and with it where to begin";
  if (header.id != run.state->intake_id) return "left over from an earlier writer: nothing in it is waiting";

  Ring ring(file, header);
  std::uint64_t position = run.state->intake_position;
  Sequence last = run.state->last;
  std::string fault;
  for (; fault.empty(); ++last) {
    const auto record = ring.find_next(position, last + 1);
    if (!record) break;
    try {
      detail::with_message(*record, [](wire::Event::Reader) {});
    } catch (const CorruptError& e) {
      fault = e.what();
    }
    position += detail::intake_frame_bytes + record->bytes.size();
  }
  if (!fault.empty()) findings.add(last, "intake: " + fault);
  const auto count = last - run.state->last;
  if (count == 0) return "nothing that is not in data.mdb";
  const bool live = detail::WriterLock::is_held(dir / "data.mdb");
  return std::to_string(count) + (count == 1 ? " event " : " events ") +
         (live ? "on the way to data.mdb, by a writer that is at work" : "waiting to be recovered") + " (sequence " +
         std::to_string(run.state->last + 1) + (count == 1 ? "" : " to " + std::to_string(last)) + ")";
}

// One look at data.mdb as of its newest transaction.
class Pass {
 public:
  using Progress = std::function<void(Sequence, Sequence)>;
  // `held`: pages of the newest snapshot stay as they are.
  Pass(const std::filesystem::path& dir, const detail::PageFile& file, const Progress& progress, bool held)
      : dir_(dir), file_(file), progress_(progress), held_(held) {}

  // Empty if a writer has reused pages meanwhile.
  std::optional<Verification> run() {
    const auto metas = file_.metas(problems(""));
    if (metas.empty()) {
      findings_.add(0, "data.mdb: no meta page is left to say where the trees start");
      return finish({});
    }
    transaction_ = metas.front().transaction;
    PageTrees trees(file_, metas.front());
    const auto databases = trees.databases(problems("list of databases: "));
    if (findings_.empty() && !databases.contains(detail::run_db) && !databases.contains(detail::events_db))
      throw UnsupportedError("'" + dir_.string() + "' holds an LMDB file that is not a Daybook journal");
    const auto tree = [&](const char* name) -> const detail::Tree* {
      const auto found = databases.find(name);
      if (found != databases.end()) return &found->second;
      findings_.add(0, std::string("data.mdb: the database '") + name + "' is missing");
      return nullptr;
    };
    const Run run = read_run(trees, tree(detail::run_db));
    const auto heads = read_index(trees, tree(detail::heads_db), "heads: ");
    detail::History::Index detours;
    if (const auto found = databases.find(detail::detours_db); found != databases.end())
      detours = read_index(trees, &found->second, "detours: ");
    const auto checkpoints = read_index(trees, tree(detail::checkpoints_db), "checkpoints: ");
    // Books that only a writer reads, and what later versions may have added.
    for (const auto& [name, other] : databases)
      if (name != detail::run_db && name != detail::heads_db && name != detail::detours_db &&
          name != detail::checkpoints_db && name != detail::events_db)
        trees.walk(
            other, [](const PageTrees::Entry&) {}, problems(name + ": "));
    trees.walk_free(problems("list of free pages: "));
    const auto* events = tree(detail::events_db);
    if (events != nullptr) trees.keep_edge(*events);
    // Without hold: what a writer rewrites with every commit has been read by now. Was it in time? Events stay where
    // they are unless retention drops their values; if pages of theirs are used anew under our eyes, it looks like
    // damage, and is looked at again.
    if (!held_ && newest_transaction() > transaction_ + 1) return std::nullopt;

    detail::History history(run.info, run.state ? std::optional(run.state->last) : std::nullopt,
                            [&](Sequence sequence, std::string what) { findings_.add(sequence, std::move(what)); });
    if (run.salvaged) history.follow_gaps();
    if (events != nullptr) read_events(trees, *events, run, history);
    history.finish();
    history.check_heads(heads);
    history.check_checkpoints(checkpoints);
    history.check_detours(detours);
    if (run.state && run.state->phase == Phase::finished && !history.run_ended() && history.events() == run.state->last)
      findings_.add(0, "run: the state says finished, but no event tells that the run ended");
    check_free(trees);
    check_size(trees);

    Verification verification;
    verification.events = history.events();
    verification.elided = history.elided();
    verification.last = run.state ? run.state->last : history.passed();
    verification.lost = history.lost();
    verification.salvaged = run.salvaged;
    verification.unknown_kinds = history.unknown_kinds();
    verification.intake = look_at_intake(dir_, run, findings_);
    if (progress_) progress_(verification.last, verification.last);
    return finish(std::move(verification));
  }

  [[nodiscard]] std::uint64_t transaction() const { return transaction_; }
  [[nodiscard]] std::uint64_t newest_transaction() const {
    const auto metas = file_.metas([](const PageProblem&) {});
    return metas.empty() ? transaction_ : metas.front().transaction;
  }

 private:
  Verification finish(Verification verification) {
    verification.damage = findings_.take();
    return verification;
  }

  detail::Problems problems(std::string where) {
    return [this, where = std::move(where)](const PageProblem& problem) {
      findings_.add(0, where + "page " + std::to_string(problem.page) + " of data.mdb " + problem.what);
    };
  }

  Run read_run(PageTrees& trees, const detail::Tree* tree) {
    std::map<std::string, std::vector<std::byte>> entries;
    if (tree != nullptr) entries = read_index(trees, tree, "run: ");
    const auto find = [&](const char* key) -> const std::vector<std::byte>* {
      const auto found = entries.find(key);
      if (found != entries.end()) return &found->second;
      if (tree != nullptr) findings_.add(0, std::string("run: the entry '") + key + "' is missing");
      return nullptr;
    };
    Run run;
    if (const auto* format = find(detail::format_key)) check_format(*format, dir_, findings_);
    if (const auto* info = find(detail::info_key))
      read_message<wire::RunInfo>(*info, "description", findings_,
                                  [&](wire::RunInfo::Reader reader) { run.info = detail::read_run_info(reader); });
    if (const auto* bytes = find(detail::state_key))
      read_message<wire::State>(*bytes, "state", findings_, [&](wire::State::Reader state) {
        if (state.getLast() > most_events)
          throw CorruptError("it tells of " + std::to_string(state.getLast()) + " events");
        run.state = State{static_cast<Phase>(state.getPhase()), state.getLast(), state.getIntakePosition(),
                          state.getIntakeId()};
        if (state.getPhase() > static_cast<std::uint8_t>(Phase::crashed)) throw CorruptError("its phase is none");
      });
    if (const auto note = entries.find(detail::salvage_key); note != entries.end())
      read_message<wire::Salvage>(note->second, "note of its salvage", findings_, [&](wire::Salvage::Reader reader) {
        run.salvaged = detail::read_salvage_note(reader);
      });
    return run;
  }

  detail::History::Index read_index(PageTrees& trees, const detail::Tree* tree, const std::string& name) {
    detail::History::Index index;
    if (tree == nullptr) return index;
    trees.walk(
        *tree,
        [&](const PageTrees::Entry& entry) { index[text(entry.key)].assign(entry.value.begin(), entry.value.end()); },
        problems(name));
    return index;
  }

  void read_events(PageTrees& trees, const detail::Tree& tree, const Run& run, detail::History& history) {
    const Sequence total = run.state ? run.state->last : tree.entries;
    Sequence shown = 0;
    trees.walk(
        tree,
        [&](const PageTrees::Entry& entry) {
          history.pass(entry.key, entry.value, place(entry));
          if (const auto done = std::min(history.passed(), total); progress_ && done >= shown + progress_step)
            progress_(shown = done, total);
        },
        [&](const PageProblem& problem) {
          const auto what = "page " + std::to_string(problem.page) + " of data.mdb " + problem.what;
          problem.key.empty() ? findings_.add(0, "events: " + what) : history.pass_lost(problem.key, what);
        });
  }

  // A page that is both would be overwritten by the next commit.
  void check_free(const PageTrees& trees) {
    std::uint64_t both = 0, first = 0;
    for (PageNumber page = trees.pages(); page-- > 2;)
      if (trees.in_use(page) && trees.free(page)) ++both, first = page;
    if (both != 0)
      findings_.add(0, "list of free pages: names " + std::to_string(both) + " that are in use, page " +
                           std::to_string(first) + " of data.mdb first: the next commit would overwrite them");
  }

  void check_size(const PageTrees& trees) {
    if (trees.complete()) return;
    const auto needed = (trees.meta().last_page + 1) * trees.meta().page_size, size = file_.size();
    findings_.add(
        0, "data.mdb: it is cut short: " + std::to_string(size) + " bytes are left of " + std::to_string(needed));
  }

  const std::filesystem::path& dir_;
  const detail::PageFile& file_;
  const Progress& progress_;
  const bool held_;
  Findings findings_;
  std::uint64_t transaction_ = 0;
};

// Keeps the writer, if there is one, from using pages again that are being looked at. Empty if that cannot be had.
std::optional<detail::ReadTransaction> hold(const std::filesystem::path& dir, const detail::PageFile& file) {
  try {
    if (!detail::WriterLock::is_held(dir / "data.mdb") || file.metas([](const PageProblem&) {}).size() != 2)
      return std::nullopt;
    return detail::Store::hold(dir);
  } catch (const Error&) {
    return std::nullopt;  // a read-only place, or too many readers: it goes without
  }
}

}  // namespace

Verification verify(const std::filesystem::path& dir,
                    const std::function<void(Sequence done, Sequence total)>& progress) {
  try {
    detail::require_journal(dir);
  } catch (const CorruptError&) {
    // What is damaged is told below, and in full.
  }
  const detail::PageFile file(dir / "data.mdb");
  const auto held = hold(dir, file);
  int unsettled = 0;
  for (int tries = 0; tries < tries_for_snapshot; ++tries) {
    Pass pass(dir, file, progress, held.has_value());
    auto verification = pass.run();
    if (!verification) continue;
    // Damage that was seen under a writer's hands may be none: look again.
    if (held || verification->damage.empty() || pass.newest_transaction() == pass.transaction() ||
        ++unsettled == tries_for_damage)
      return std::move(*verification);
  }
  throw BusyError("verifying '" + dir.string() +
                  "': its writer commits faster than its index can be read: try again later");
}

}  // namespace daybook
