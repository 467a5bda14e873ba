#pragma once

// The rules that tie a journal's events together (schema/FORMAT.md, "Events"), checked on events that pass in order.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/gaps.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

class History {
 public:
  using Report = std::function<void(Sequence, std::string)>;

  // `info`: what the `run` database says, if it could be read. `last`: newest event there should be, if known.
  History(std::optional<RunInfo> info, std::optional<Sequence> last, Report report);

  // The next entry of `events`; `where` it stands, for messages.
  void pass(std::span<const std::byte> key, std::span<const std::byte> value, const std::string& where);
  // An entry whose value is beyond reach.
  void pass_lost(std::span<const std::byte> key, const std::string& why);
  // After the last one: what is missing at the end.
  void finish();

  // After finish(): checks the `heads` and `checkpoints` databases, each as key → the 8 bytes found there.
  using Index = std::map<std::string, std::vector<std::byte>>;
  void check_heads(const Index& heads);
  void check_checkpoints(const Index& checkpoints);
  // Of a journal that salvage made; follow_gaps() before the first event.
  void follow_gaps() { gaps_.emplace(); }
  void check_detours(const Index& detours);

  [[nodiscard]] Sequence events() const { return intact_; }
  [[nodiscard]] Sequence passed() const { return next_ - 1; }  // the highest sequence number so far
  [[nodiscard]] Sequence lost() const { return lost_; }        // that `lost` events stand for
  [[nodiscard]] std::uint64_t unknown_kinds() const { return unknown_kinds_; }
  [[nodiscard]] Sequence elided() const { return elided_; }  // of events(), those whose value retention has dropped
  [[nodiscard]] bool run_ended() const { return run_ended_; }
  // Nothing is known of this event: it is missing, damaged, or of an unknown kind.
  [[nodiscard]] bool is_blank(Sequence sequence) const;

 private:
  struct Tip {
    Sequence newest = 0, base = 0;
    std::uint32_t depth = 0;
  };
  void arrive(Sequence sequence);
  void miss(Sequence from, Sequence to);
  void check_event(const RecordView& record, const std::string& where);
  void pass_gap(Sequence first, Sequence last);
  void check_order(const Event& event, const std::string& chain);
  void check_parts(Sequence sequence, std::span<const Sequence> parts, std::uint64_t own, std::uint64_t needed,
                   bool elided);
  void check_index(const Index& index, const std::map<std::string, Sequence>& expected, const char* database,
                   const std::function<std::string(const std::string&)>& spell);

  std::optional<RunInfo> info_;
  std::optional<Uuid> uuid_;  // without `info`: of the first intact record
  std::optional<Sequence> last_;
  Report report_;
  Sequence next_ = 1;  // the one that should come now
  Sequence intact_ = 0, beyond_ = 0, lost_ = 0;
  std::optional<Gaps> gaps_;
  std::uint64_t unknown_kinds_ = 0;
  Sequence elided_ = 0;
  bool run_ended_ = false;
  Nanoseconds time_ = 0;
  std::map<Sequence, Sequence> blank_;  // first → last of ranges that do not touch
  std::unordered_map<std::string, Tip> chains_;
  std::map<std::string, Sequence> checkpoints_;
  std::unordered_map<Sequence, std::uint64_t> parts_;  // `part` events that wait for their event → payload bytes
};

}  // namespace daybook::detail
