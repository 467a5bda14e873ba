#include "daybook/journal/reader.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "daybook/journal/append_pattern.h"
#include "daybook/journal/chains.h"
#include "daybook/journal/delivery.h"
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/number.h"
#include "daybook/journal/passed_pages.h"
#include "daybook/journal/recovery.h"

namespace daybook {

using detail::Chain;
using detail::ReadTransaction;

namespace {

// A chain that makes up at least this part of the events it spans is followed by one scan over them instead of by its
// links: reading on costs far less than looking up.
constexpr std::uint64_t dense_share = 16;
// Links are followed backwards, events are wanted forwards: so many are remembered at a time.
constexpr std::size_t stretch = std::size_t{1} << 16;
// Of records that were found intact: most are asked for two or three times, soon after each other.
constexpr std::size_t remembered = 1024;

Chain chain_of(Group group) { return group == Group::datasets ? Chain::dataset : Chain::archive; }

}  // namespace

class Reader::Impl {
 public:
  explicit Impl(const std::filesystem::path& dir) : path_(dir.has_filename() ? dir : dir.parent_path()) {
    try {
      recover(path_);
    } catch (const StorageError&) {
      unrecovered_ = true;  // a folder we may not write to: what was committed can still be read
    } catch (const BusyError&) {
      unrecovered_ = true;  // older readers of this process hold it open
    }
    store_ = detail::Store::open(path_, detail::Store::Access::read);
    refresh();
    info_ = detail::read_info(*snapshot_);
    salvaged_ = detail::read_salvage(*snapshot_);
  }

  void refresh() {
    parts_.clear();
    checked_.clear();
    has_attributes_.reset();
    snapshot_.reset();
    snapshot_.emplace(store_->begin_read());
    state_ = detail::read_state(*snapshot_);
  }

  [[nodiscard]] const ReadTransaction& snapshot() const { return *snapshot_; }

  // record_at(), which need not look for a record and compare its checksum once more while it is remembered.
  [[nodiscard]] const detail::RecordView& record_at(Sequence sequence) const {
    if (checked_.empty()) checked_.resize(remembered);
    auto& [known, record] = checked_[sequence % remembered];
    if (known != sequence || sequence == 0) {
      record = detail::record_at(snapshot(), sequence);
      known = sequence;
      passed_.add(record.bytes);
    }
    return record;
  }

  // Of any dataset, at any time.
  [[nodiscard]] bool has_attributes() const {
    if (!has_attributes_) {
      has_attributes_ = false;
      constexpr char first = static_cast<char>(Chain::attribute);
      detail::walk(snapshot(), snapshot().databases().heads, detail::as_key({&first, 1}), [&](auto key, auto) {
        has_attributes_ = static_cast<char>(key.front()) == first;
        return false;
      });
    }
    return *has_attributes_;
  }

  // The newest event of a chain up to `as_of`.
  [[nodiscard]] std::optional<Sequence> find_head(std::string_view head_key, Sequence as_of) const {
    const auto head = detail::find_head(snapshot(), head_key);
    return head ? up_to(*head, as_of) : std::nullopt;
  }

  [[nodiscard]] std::optional<Sequence> up_to(Sequence sequence, Sequence as_of) const {
    sequence = provable(sequence);
    while (sequence > as_of) {
      auto at = sequence;
      auto links = detail::links_of(snapshot(), record_at(at));
      // All that lies between an event and its base can be passed over at once.
      if (links.base > as_of && links.base < sequence) {
        at = links.base;
        links = detail::links_of(snapshot(), record_at(at));
      }
      sequence = before(at, links.previous);
    }
    return sequence == 0 ? std::nullopt : std::optional(sequence);
  }

  // What counts of a chain whose newest event is this one: the event itself, if nothing before it is lost.
  [[nodiscard]] Sequence provable(Sequence sequence) const {
    const auto detour = detail::find_detour(snapshot(), sequence);
    if (detour && detour->instead > sequence) throw CorruptError(broken(sequence, "its chain does not lead back"));
    return detour ? detour->instead : sequence;
  }

  // The same of what comes before an event on its chain.
  [[nodiscard]] Sequence before(Sequence sequence, Sequence previous) const {
    if (const auto detour = detail::find_detour(snapshot(), sequence)) previous = detour->previous;
    if (previous >= sequence) throw CorruptError(broken(sequence, "its chain does not lead back"));
    return previous == 0 ? 0 : provable(previous);
  }

  // Empty when the chain's newest event is a removal.
  [[nodiscard]] std::optional<DatasetState> state_at(Group group, Sequence head) const {
    DatasetState state;
    state.group = group;
    state.head = head;
    bool removed = false;
    if (const auto number = detail::glance(record_at(head).message)) {
      state.key = number->key;
      state.base = number->base == 0 ? head : number->base;
      state.depth = number->depth;
      state.changed = number->time;
    } else {
      detail::read_message(snapshot(), record_at(head), [&](detail::EventMessage event) {
        const auto key = event.getKey();
        state.key.assign(key.begin(), key.size());
        state.base = event.getBase() == 0 ? head : event.getBase();
        state.depth = event.getDepth();
        state.changed = event.getTime();
        removed = event.isRemove();
      });
    }
    if (removed) return std::nullopt;
    if (group == Group::archive) {
      detail::read_message(snapshot(), record_at(state.base), [&](detail::EventMessage event) {
        state.born = event.isArchived() ? event.getArchived().getBorn() : 0;
      });
      if (state.born == 0) state.born = state.base;
      return state;
    }
    state.declared = state.base;
    const auto read_set = [&](detail::EventMessage event) {
      if (event.isReplace()) {
        state.declared = event.getReplace().getDeclared();
        return;
      }
      if (event.isLost()) {
        state.declared = 0;
        state.born = state.base;
        return;
      }
      if (!event.isSet()) throw CorruptError("is not a set, as event " + std::to_string(head) + " claims");
      state.born = event.getSet().getBorn() == 0 ? state.declared : event.getSet().getBorn();
      state.saved = (event.getSet().getFlags() & 4) != 0;
      state.described = event.getSet().getMetadata().size() != 0;
      state.has_options = event.getSet().getOptions().size() != 0;
    };
    const auto number = detail::glance(record_at(state.base).message);
    if (number && number->what == detail::NumberChange::What::set) {
      state.born = number->detail == 0 ? state.declared : number->detail;
      state.saved = (number->flags & 4) != 0;
      state.described = state.has_options = false;
    } else {
      detail::read_message(snapshot(), record_at(state.base), read_set);
    }
    if (state.declared != state.base) detail::read_message(snapshot(), record_at(state.declared), read_set);
    // Its metadata stand in a payload of which a part is lost.
    if (state.declared != 0 && state.declared != state.base && provable(state.declared) != state.declared)
      state.declared = 0;
    return state;
  }

  void scan_chain(const DatasetState& state, detail::Delivery& deliver) const {
    Sequence newest = state.base;
    detail::walk(snapshot(), snapshot().databases().events, detail::event_key(state.base + 1),
                 [&](auto key, auto stored) {
                   const auto sequence = detail::sequence_of(key);
                   if (sequence > state.head) return false;
                   // The next event of a chain is the one that names the newest so far as its previous one.
                   const auto record = detail::peek(snapshot(), sequence, stored);
                   const auto previous = detail::find_previous(record.message);
                   if ((previous ? *previous : detail::links_of(snapshot(), record).previous) == newest) {
                     newest = sequence;
                     deliver.pass(detail::check_stored(snapshot(), sequence, stored));
                   }
                   return newest != state.head;
                 });
    if (newest != state.head)
      throw CorruptError(broken(state.head, "its chain is interrupted behind event " + std::to_string(newest)));
  }

  void follow_chain(const DatasetState& state, detail::Delivery& deliver) const {
    // Once back to set a mark every `stretch` events, then stretch by stretch from the oldest on.
    std::vector<Sequence> marks{state.head};
    const auto previous = [&](Sequence sequence) {
      const auto before = detail::links_of(snapshot(), record_at(sequence)).previous;
      if (before >= sequence || before < state.base)
        throw CorruptError(broken(sequence, "its chain does not lead to its base"));
      return before;
    };
    std::size_t count = 0;
    for (auto sequence = state.head; sequence != state.base; sequence = previous(sequence)) {
      if (++count % stretch == 0) marks.push_back(sequence);
    }
    std::vector<Sequence> events;
    for (std::size_t i = marks.size(); i-- > 0;) {
      // The oldest stretch ends at the base; every other one at the mark before it, which that one has visited.
      const auto end = i + 1 == marks.size() ? state.base : marks[i + 1];
      events.clear();
      for (auto sequence = marks[i]; sequence != end; sequence = previous(sequence)) events.push_back(sequence);
      for (auto event = events.rbegin(); event != events.rend(); ++event) deliver.pass(record_at(*event));
    }
  }

  [[nodiscard]] std::string broken(Sequence sequence, const std::string& why) const {
    return "'" + (path_ / "data.mdb").string() + "': event " + std::to_string(sequence) + ": " + why +
           ": run 'daybook verify'";
  }

  std::filesystem::path path_;
  bool unrecovered_ = false;
  std::shared_ptr<detail::Store> store_;
  std::optional<ReadTransaction> snapshot_;
  mutable detail::CheckedParts parts_;
  mutable std::vector<std::pair<Sequence, detail::RecordView>> checked_;  // each at its number modulo the size
  mutable detail::PassedPages passed_;
  mutable std::optional<bool> has_attributes_;
  detail::StoredState state_;
  RunInfo info_;
  std::optional<SalvageNote> salvaged_;
};

Reader::Reader(const std::filesystem::path& dir) : impl_(std::make_unique<Impl>(dir)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

const std::filesystem::path& Reader::path() const { return impl_->path_; }
const RunInfo& Reader::info() const { return impl_->info_; }
const std::optional<SalvageNote>& Reader::salvaged() const { return impl_->salvaged_; }
bool Reader::unrecovered() const { return impl_->unrecovered_; }
Sequence Reader::last() const { return impl_->state_.last; }
void Reader::refresh() { impl_->refresh(); }

ReaderStatus Reader::status() const {
  return {impl_->state_.phase, detail::WriterLock::is_held(impl_->path_ / "data.mdb")};
}

Sequence Reader::resolve(const At& at) const {
  const auto run = "journal '" + impl_->path_.string() + "'";
  if (const auto* sequence = std::get_if<AtSequence>(&at)) {
    if (sequence->sequence == 0 || sequence->sequence > last()) {
      throw InvalidError(run + " has no event " + std::to_string(sequence->sequence) + ": it holds 1 to " +
                         std::to_string(last()));
    }
    return sequence->sequence;
  }
  if (const auto* checkpoint = std::get_if<AtCheckpoint>(&at)) {
    const auto key = detail::head_key(Chain::dataset, checkpoint->name).substr(1);
    const auto stored = impl_->snapshot().find(impl_->snapshot().databases().checkpoints, key);
    Sequence sequence = 0;
    if (stored && stored->size() == sizeof sequence) std::memcpy(&sequence, stored->data(), sizeof sequence);
    if (sequence == 0) throw InvalidError(run + " has no checkpoint '" + checkpoint->name + "'");
    return sequence;
  }
  if (const auto* moment = std::get_if<AtTime>(&at)) {
    // Times never decrease with sequence numbers, whatever the clock did.
    Sequence before = 0;
    Sequence after = last() + 1;
    while (after - before > 1) {
      const auto middle = before + (after - before) / 2;
      const auto time = detail::links_of(impl_->snapshot(), impl_->record_at(middle)).time;
      (time <= moment->time ? before : after) = middle;
    }
    if (before == 0) throw InvalidError(run + " had not begun at that time");
    return before < last() ? before : last_of_run();
  }
  return last_of_run();
}

Sequence Reader::last_of_run() const {
  Sequence sequence = last();
  while (sequence > 1 && std::holds_alternative<Materialized>(event(sequence).body)) --sequence;
  return sequence;
}

bool Reader::is_complete(Sequence as_of) const { return status().phase == Phase::finished && as_of >= last_of_run(); }

std::vector<std::pair<std::string, Sequence>> Reader::checkpoints() const {
  std::vector<std::pair<std::string, Sequence>> found;
  const auto& snapshot = impl_->snapshot();
  detail::walk(snapshot, snapshot.databases().checkpoints, {}, [&](auto /*key*/, auto stored) {
    Sequence sequence = 0;
    if (stored.size() == sizeof sequence) std::memcpy(&sequence, stored.data(), sizeof sequence);
    const auto checkpoint = detail::event_at(snapshot, sequence);
    const auto* body = std::get_if<Checkpoint>(&checkpoint.body);
    if (body == nullptr) throw CorruptError(impl_->broken(sequence, "is not a checkpoint"));
    found.emplace_back(body->name, sequence);
    return true;
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return found;
}

Event Reader::event(Sequence sequence) const {
  return detail::decode_stored(impl_->snapshot(), impl_->record_at(sequence), impl_->parts_);
}

Event Reader::event(Sequence sequence, std::vector<UncheckedPart>& parts) const {
  if (salvaged()) return event(sequence);  // what is lost decides what the value is
  const auto& snapshot = impl_->snapshot();
  std::vector<detail::FoundPart> found;
  auto event = detail::decode_unchecked(snapshot, impl_->record_at(sequence), found);
  for (const auto& part : found) {
    parts.push_back({part.payload, [&snapshot, part] { detail::check_stored(snapshot, part.sequence, part.stored); },
                     [part] { detail::PassedPages::give_back(part.stored); }});
  }
  return event;
}

std::optional<WholeNumber> Reader::number(Sequence sequence) const {
  const auto& record = impl_->record_at(sequence);
  const auto found = detail::glance(record.message);
  if (!found || !found->is_whole()) return std::nullopt;
  try {
    const auto type = detail::type_of(record, *found);
    if (!type) return std::nullopt;
    WholeNumber number{*type, {}};
    std::memcpy(number.bytes.data(), &found->bits, type->size());
    return number;
  } catch (const InvalidError&) {
    return std::nullopt;  // damage, of which event() tells
  }
}

void Reader::events(Sequence from, Sequence to, const std::function<bool(const Event&)>& visit) const {
  auto expected = std::max<Sequence>(from, 1);
  to = std::min(to, last());
  const auto require = [&](Sequence found) {
    if (found == expected) return;
    throw CorruptError("'" + (path() / "data.mdb").string() + "': events " + std::to_string(expected) + " to " +
                       std::to_string(found - 1) + " are missing: run 'daybook verify'");
  };
  bool stopped = false;
  const auto show = [&](Event event) {
    ++expected;
    if (auto* lost = std::get_if<Lost>(&event.body)) {
      lost->up_to = std::min(lost->up_to, to);
      expected = lost->up_to + 1;
    }
    stopped = !visit(event);
    return !stopped;
  };
  if (salvaged() && expected <= to) {
    // The first one wanted may be in the middle of what is lost.
    if (auto first = event(expected); first.sequence != expected) {
      first.sequence = expected;
      if (!show(std::move(first))) return;
    }
  }
  detail::walk(impl_->snapshot(), impl_->snapshot().databases().events, detail::event_key(expected),
               [&](auto key, auto stored) {
                 const auto sequence = detail::sequence_of(key);
                 if (sequence > to) return false;
                 require(sequence);
                 return show(detail::decode_stored(
                     impl_->snapshot(), detail::check_stored(impl_->snapshot(), sequence, stored), impl_->parts_));
               });
  if (!stopped && expected <= to) require(to + 1);
}

std::optional<Sequence> Reader::find_head(Group group, std::string_view key, Sequence as_of) const {
  return impl_->find_head(detail::head_key(chain_of(group), key), as_of);
}

std::optional<DatasetState> Reader::find_state(Group group, std::string_view key, Sequence as_of) const {
  const auto head = find_head(group, key, as_of);
  if (!head) return std::nullopt;
  auto state = impl_->state_at(group, *head);
  if (state && state->key != key)
    throw CorruptError(impl_->broken(*head, "the index of datasets has it under '" + std::string(key) + "'"));
  return state;
}

std::vector<DatasetState> Reader::states(Sequence as_of) const {
  std::vector<DatasetState> states;
  const auto& snapshot = impl_->snapshot();
  detail::walk(snapshot, snapshot.databases().heads, {}, [&](auto key, auto stored) {
    const auto chain = static_cast<Chain>(key.front());
    if (chain != Chain::dataset && chain != Chain::archive) return false;  // those two stand first
    Sequence sequence = 0;
    if (stored.size() == sizeof sequence) std::memcpy(&sequence, stored.data(), sizeof sequence);
    const auto head = impl_->up_to(sequence, as_of);
    if (!head) return true;
    if (auto state = impl_->state_at(chain == Chain::dataset ? Group::datasets : Group::archive, *head)) {
      const auto expected = detail::head_key(chain, state->key);
      if (expected.size() != key.size() || std::memcmp(expected.data(), key.data(), key.size()) != 0)
        throw CorruptError(impl_->broken(*head, "the index of datasets has it under another name"));
      states.push_back(std::move(*state));
    }
    return true;
  });
  std::sort(states.begin(), states.end(),
            [](const auto& a, const auto& b) { return std::pair(a.group, a.born) < std::pair(b.group, b.born); });
  return states;
}

std::vector<AttributeState> Reader::attributes(std::string_view key, Sequence as_of) const {
  std::vector<AttributeState> attributes;
  const auto& snapshot = impl_->snapshot();
  // All attributes of a key share the first part of their head's key.
  if (!impl_->has_attributes()) return attributes;
  auto first = detail::head_key(Chain::attribute, key);
  first.resize(1 + (first.size() - 1) / 2);
  detail::walk(snapshot, snapshot.databases().heads, detail::as_key(first), [&](auto head_key, auto stored) {
    if (head_key.size() < first.size() || std::memcmp(head_key.data(), first.data(), first.size()) != 0) return false;
    Sequence sequence = 0;
    if (stored.size() == sizeof sequence) std::memcpy(&sequence, stored.data(), sizeof sequence);
    const auto newest = impl_->up_to(sequence, as_of);
    if (!newest) return true;
    const auto set = event(*newest);
    const auto* body = std::get_if<SetAttribute>(&set.body);
    if (body == nullptr || set.key != key)
      throw CorruptError(impl_->broken(*newest, "is not an attribute of this dataset"));
    if (!body->removed) attributes.push_back({std::string(key), std::string(body->name), *newest});
    return true;
  });
  std::sort(attributes.begin(), attributes.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  return attributes;
}

void Reader::changes(const DatasetState& state, const std::function<void(const Event&)>& visit) const {
  changes(state, visit, {});
}

void Reader::changes(const DatasetState& state, const std::function<void(const Event&)>& visit,
                     const VisitItems& items) const {
  if (state.head == state.base) return;
  const bool dense = state.depth >= (state.head - state.base) / dense_share;
  detail::Delivery deliver(impl_->snapshot(), impl_->parts_, visit, items);
  if (dense) {
    impl_->scan_chain(state, deliver);
  } else {
    impl_->follow_chain(state, deliver);
  }
  deliver.finish();
}

std::optional<Sequence> Reader::find_whole_after(const DatasetState& state) const {
  std::optional<Sequence> found;
  auto sequence = find_head(state.group, state.key, last()).value_or(0);
  while (sequence > state.head) {
    const auto links = detail::links_of(impl_->snapshot(), detail::peek(impl_->snapshot(), sequence));
    if (links.base > sequence || links.previous >= sequence)
      throw CorruptError(impl_->broken(sequence, "its chain does not lead back"));
    if (links.base != sequence) {
      sequence = links.base;
      continue;
    }
    const auto record = detail::peek(impl_->snapshot(), sequence);
    bool whole = !record.is_elided();
    detail::read_message(impl_->snapshot(), record, [&](detail::EventMessage event) {
      if (event.isRemove()) whole = false;
    });
    if (whole) found = sequence;
    sequence = impl_->before(sequence, links.previous);
  }
  return found;
}

std::optional<std::pair<std::string, Sequence>> Reader::find_checkpoint_before(const DatasetState& state) const {
  auto all = checkpoints();
  for (auto one = all.rbegin(); one != all.rend(); ++one)
    if (one->second < state.head && find_state(state.group, state.key, one->second)) return *one;
  return std::nullopt;
}

std::vector<Event> Reader::stages(Sequence as_of) const {
  std::vector<Event> stages;
  auto sequence = impl_->find_head(detail::head_key(Chain::stage, {}), as_of).value_or(0);
  while (sequence != 0) {
    stages.push_back(event(sequence));
    sequence = impl_->before(sequence, stages.back().previous);
  }
  std::reverse(stages.begin(), stages.end());
  return stages;
}

}  // namespace daybook
