#include "daybook/journal/history.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/payload.h"
#include "daybook/journal/store.h"

namespace daybook::detail {
namespace {

std::string name(Sequence sequence) { return "event " + std::to_string(sequence); }

std::string name(Sequence from, Sequence to) {
  return from == to ? name(from) : "events " + std::to_string(from) + " to " + std::to_string(to);
}

// Any bytes as one line of readable length.
std::string in_quotes(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, 60)) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return "'" + line + (text.size() > 60 ? "…'" : "'");
}

std::string spell_chain(const std::string& chain) {
  if (chain.empty()) return "a chain without a name";
  const std::string_view rest = std::string_view(chain).substr(1);
  switch (static_cast<Chain>(chain[0])) {
    case Chain::dataset:
      return "dataset " + in_quotes(rest);
    case Chain::archive:
      return "archived value " + in_quotes(rest);
    case Chain::attribute:
      return "an attribute";
    case Chain::stage:
      return "the stages";
  }
  return "a chain of an unknown kind";
}

bool is_change(const EventBody& body) {
  return std::holds_alternative<Mutate>(body) || std::holds_alternative<MutateItem>(body) ||
         std::holds_alternative<Append>(body);
}

bool same(const RunInfo& a, const RunInfo& b) {
  // The start time bit by bit: a NaN equals itself.
  return a.uuid == b.uuid && a.rid == b.rid && a.class_name == b.class_name && a.expid == b.expid &&
         std::memcmp(&a.start_time, &b.start_time, sizeof a.start_time) == 0 &&
         a.software_version == b.software_version && a.layout == b.layout && a.results == b.results &&
         a.pipeline == b.pipeline && a.priority == b.priority;
}

}  // namespace

History::History(std::optional<RunInfo> info, std::optional<Sequence> last, Report report)
    : info_(std::move(info)), last_(last), report_(std::move(report)) {
  if (info_) uuid_ = info_->uuid;
}

bool History::is_blank(Sequence sequence) const {
  const auto behind = blank_.upper_bound(sequence);
  return behind != blank_.begin() && std::prev(behind)->second >= sequence;
}

void History::arrive(Sequence sequence) {
  // Up to next_ everything has passed; what stands between was expected earlier.
  Sequence from = next_;
  for (auto known = blank_.lower_bound(from); known != blank_.end() && known->first < sequence; ++known) {
    if (known->first > from) miss(from, known->first - 1);
    from = known->second + 1;
  }
  if (from < sequence) miss(from, sequence - 1);
  next_ = std::max(next_, sequence + 1);
}

void History::miss(Sequence from, Sequence to) {
  report_(from, name(from, to) + (from == to ? " is missing" : " are missing"));
  blank_[from] = to;
}

void History::pass_lost(std::span<const std::byte> key, const std::string& why) {
  if (key.size() != 8) return report_(0, why);
  const auto sequence = sequence_of(key);
  report_(sequence, name(sequence) + ": " + why);
  // The key may be what is damaged: only one that can be is taken at its word.
  if (sequence < next_ || (last_ && sequence > *last_)) return;
  blank_.emplace(sequence, sequence);
  if (sequence == next_) ++next_;
}

void History::pass(std::span<const std::byte> key, std::span<const std::byte> value, const std::string& where) {
  std::string why;
  const auto record = find_record(value, &why);
  if (!record) return pass_lost(key, why + " (" + where + ")");
  const auto& header = record->header;
  const auto sequence = header.sequence;
  Uuid uuid;
  std::copy(std::begin(header.uuid), std::end(header.uuid), uuid.begin());
  if (!uuid_) uuid_ = uuid;
  if (uuid != *uuid_) return pass_lost(key, "is of another run, " + to_string(uuid) + " (" + where + ")");
  bool sound = true;
  const auto fault = [&](const std::string& what) {
    sound = false;
    report_(sequence, name(sequence) + ": " + what + " (" + where + ")");
  };
  if (key.size() != 8 || sequence_of(key) != sequence)
    fault(key.size() == 8 ? "stands under the key of " + name(sequence_of(key))
                          : "stands under a key of " + std::to_string(key.size()) + " bytes");
  if (record->bytes.size() != value.size())
    fault("is followed by " + std::to_string(value.size() - record->bytes.size()) + " bytes that belong to nothing");
  if (sequence < next_) return;  // twice, or out of order: the walk over the pages has said so
  if (last_ && sequence > *last_) ++beyond_;
  arrive(sequence);
  if (!sound) {
    blank_.emplace(sequence, sequence);
    return;
  }
  try {
    check_event(*record, where);
  } catch (const std::exception& e) {
    // Whatever goes wrong while its bytes are read (also: too long for the memory) is said of this event.
    const std::string_view text = e.what();
    report_(sequence,
            (text.starts_with(name(sequence)) ? "" : name(sequence) + ": ") + std::string(text) + " (" + where + ")");
    blank_.emplace(sequence, sequence);
  }
}

void History::check_event(const RecordView& record, const std::string& where) {
  const auto sequence = record.header.sequence;
  std::string chain;
  std::vector<Sequence> parts;
  std::uint64_t needed = 0;
  Event event;
  with_message(record, [&](wire::Event::Reader message) {
    chain = chain_of(message);
    for (const auto part : message.getParts()) parts.push_back(part);
    if (parts.empty()) return;
    needed = record.is_elided() ? kept_bytes(message) : payload_bytes(message);
    event.sequence = sequence;
    event.time = message.getTime();
    event.previous = message.getPrevious();
    event.base = message.getBase() == 0 ? sequence : message.getBase();
    event.depth = message.getDepth();
    event.body = Set{};  // what matters below: a whole value, or a change
    if (message.isMutate() || message.isMutateItem() || message.isAppend()) event.body = Append{};
  });
  if (parts.empty()) {
    event = decode(record, [](Sequence) { return std::span<const std::byte>(); });
  } else {
    // Its value may be larger than memory: see that the lengths agree.
    check_parts(sequence, parts, padded(record.payload.size()), needed, record.is_elided());
  }
  if (gaps_ && !std::holds_alternative<Lost>(event.body)) gaps_->pass(record);
  ++intact_;
  if (record.is_elided()) ++elided_;
  if (const auto* lost = std::get_if<Lost>(&event.body)) {
    --intact_;
    return pass_gap(sequence, lost->up_to);
  }
  if (std::holds_alternative<Part>(event.body)) parts_[sequence] = record.payload.size();
  if (std::holds_alternative<Unknown>(event.body)) {
    ++unknown_kinds_;
    blank_.emplace(sequence, sequence);  // it may stand on any chain
  }
  if (const auto* started = std::get_if<RunStarted>(&event.body); started != nullptr && sequence == 1 && info_) {
    if (!same(started->info, *info_)) report_(1, "event 1: tells of another run than the run database (" + where + ")");
  }
  if (sequence == 1 && !std::holds_alternative<RunStarted>(event.body) && !is_blank(1))
    report_(1, "event 1: is a " + std::string(kind_name(event.body)) + ", not the start of the run (" + where + ")");
  if (std::holds_alternative<RunEnded>(event.body)) run_ended_ = true;
  if (const auto* checkpoint = std::get_if<Checkpoint>(&event.body))
    checkpoints_[head_key(Chain::dataset, checkpoint->name).substr(1)] = sequence;
  check_order(event, chain);
}

void History::pass_gap(Sequence first, Sequence last) {
  if (!gaps_) report_(first, name(first) + ": stands for lost ones, but this journal was not salvaged");
  if (last_ && last > *last_) {
    report_(first, name(first) + ": stands for lost ones up to " + name(last) + ", which is behind the last one");
    last = std::max(first, *last_);
  }
  blank_[first] = last;
  lost_ += last - first + 1;
  next_ = std::max(next_, last + 1);
  if (gaps_) gaps_->lose(first, last);
}

void History::check_order(const Event& event, const std::string& chain) {
  const auto fault = [&](const std::string& what) { report_(event.sequence, name(event.sequence) + ": " + what); };
  if (event.time < time_) fault("is earlier than the event before it");
  time_ = std::max(time_, event.time);
  if (chain.empty()) {
    if (event.previous != 0 && !is_blank(event.sequence))
      fault("names " + name(event.previous) + " as the one before it, but is on no chain");
    return;
  }
  auto& tip = chains_[chain];
  const Tip now{event.sequence, event.base, event.depth};
  if (event.previous >= event.sequence || event.base > event.sequence) {
    fault("refers to a later event");
  } else if (event.previous != tip.newest && !is_blank(event.previous)) {
    fault("names " + name(event.previous) + " as the one before it, " + spell_chain(chain) + " has " +
          (tip.newest == 0 ? "none" : name(tip.newest)));
  } else if (is_change(event.body) == (event.base == event.sequence)) {
    fault(is_change(event.body) ? "is a change, but stands for the whole value of " + spell_chain(chain)
                                : "is a whole value, but stands as a change after " + name(event.base));
  } else if (event.base == event.sequence
                 ? event.depth != 0
                 : event.previous == tip.newest && (event.base != tip.base || event.depth != tip.depth + 1)) {
    fault("says that it is change " + std::to_string(event.depth) + " after " + name(event.base) + ", which it is not");
  }
  tip = now;
}

void History::check_parts(Sequence sequence, std::span<const Sequence> parts, std::uint64_t own, std::uint64_t needed,
                          bool elided) {
  std::uint64_t there = own;
  bool blank = false;
  for (const auto part : parts) {
    const auto found = parts_.find(part);
    if (found == parts_.end()) {
      if (!is_blank(part)) throw CorruptError("names " + name(part) + " as a part of its value, which it is not");
      if (!gaps_ || !gaps_->is_lost(part))
        report_(sequence, name(sequence) + ": a part of its value, " + name(part) + ", is lost");
      blank = true;
      continue;
    }
    if (!elided && gaps_ && gaps_->is_lost_part(part)) blank = true;
    if (!elided) there += found->second;
    parts_.erase(found);
  }
  if (!blank && there != needed)
    throw CorruptError("its values need " + std::to_string(needed) + " bytes, its parts hold " + std::to_string(there));
}

void History::finish() {
  if (last_ && next_ <= *last_) arrive(*last_ + 1);
  if (beyond_ != 0)
    report_(*last_ + 1,
            std::to_string(beyond_) + " events are beyond the last one that the run's state tells of, " + name(*last_));
}

void History::check_index(const Index& index, const std::map<std::string, Sequence>& expected, const char* database,
                          const std::function<std::string(const std::string&)>& spell) {
  const auto fault = [&](Sequence sequence, const std::string& what) {
    report_(sequence, std::string(database) + ": " + what);
  };
  for (const auto& [key, value] : index) {
    Sequence named = 0;
    if (value.size() != sizeof named) {
      fault(0, "the entry of " + spell(key) + " is " + std::to_string(value.size()) + " bytes long");
      continue;
    }
    std::memcpy(&named, value.data(), sizeof named);
    if (is_blank(named)) continue;
    const auto found = expected.find(key);
    if (found == expected.end())
      fault(named, "has an entry for " + spell(key) + ", " + name(named) + ", but no such event is there");
    else if (found->second != named)
      fault(found->second,
            "names " + name(named) + " as the newest of " + spell(key) + ", which is " + name(found->second));
  }
  for (const auto& [key, sequence] : expected)
    if (!index.contains(key)) fault(sequence, "has no entry for " + spell(key) + ", which has " + name(sequence));
}

void History::check_heads(const Index& heads) {
  std::map<std::string, Sequence> expected;
  for (const auto& [chain, tip] : chains_) expected[chain] = tip.newest;
  check_index(heads, expected, heads_db, spell_chain);
}

void History::check_detours(const Index& detours) {
  if (!gaps_) return;
  gaps_->finish();
  Index expected;
  for (const auto& [sequence, detour] : gaps_->detours()) {
    const auto key = event_key(sequence);
    const auto value = std::as_bytes(std::span(&detour, 1));
    expected[std::string(reinterpret_cast<const char*>(key.data()), key.size())].assign(value.begin(), value.end());
  }
  if (expected == detours) return;
  for (const auto& [key, value] : expected)
    if (const auto found = detours.find(key); found == detours.end() || found->second != value)
      report_(sequence_of(std::as_bytes(std::span(key))), std::string(detours_db) +
                                                              ": does not lead around what is lost before " +
                                                              name(sequence_of(std::as_bytes(std::span(key)))));
  for (const auto& [key, value] : detours)
    if (!expected.contains(key))
      report_(0, std::string(detours_db) + ": has an entry for " + name(sequence_of(std::as_bytes(std::span(key)))) +
                     ", which nothing is lost before");
}

void History::check_checkpoints(const Index& checkpoints) {
  check_index(checkpoints, checkpoints_, checkpoints_db,
              [](const std::string& key) { return "checkpoint " + in_quotes(key); });
}

}  // namespace daybook::detail
