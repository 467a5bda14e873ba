#pragma once

// What the chains of a journal are worth when events are missing (schema/FORMAT.md, "Salvage").

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "daybook/journal/record.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// Looks at the events that are left, in order. An event counts if its value can be told from events that are there: it
// is a whole value, or a change whose base and all changes between are. One whose value retention has dropped counts: a
// reader is told so. But where nothing newer is left of a chain, it would stand in for the newest value, whose loss
// nobody chose: then finish() leads around it, too.
class Gaps {
 public:
  struct Line {  // one chain
    Chain chain = Chain::dataset;
    std::string key, attribute;
    Sequence newest = 0;         // that is there, …
    Sequence shown = 0;          // … and that counts; 0: none
    std::vector<Sequence> lost;  // of this chain, as far as links tell; in order
    std::uint64_t idle = 0;      // changes that are there and do not count
    bool metadata_lost = false;  // the `set` that the newest value goes with is lost
  };

  // Nothing is left of these; in order with pass().
  void lose(Sequence first, Sequence last);
  // CorruptError if the message is malformed.
  void pass(const RecordView& record);
  // An index told of this event as the newest of a chain.
  void know(const std::string& head_key, Sequence sequence);

  [[nodiscard]] bool is_lost(Sequence sequence) const;
  // The chains that something is known of, by their key in `heads`.
  [[nodiscard]] const std::map<std::string, Line>& lines() const { return named_; }
  void finish();  // before lines() and detours()
  // A `part` whose bytes retention has dropped, while its event was found as it was before.
  [[nodiscard]] bool is_lost_part(Sequence part) const { return is_lost(part) || elided_parts_.contains(part); }
  [[nodiscard]] const std::map<Sequence, Detour>& detours() const { return detours_; }

 private:
  struct Tip {
    Line line;
    Sequence base = 0;
    std::uint32_t depth = 0;
    bool counts = false;
    bool elided = false;          // the value is made of one that retention has dropped
    Sequence whole = 0;           // the newest that counts and whose value is there; 0: none
    std::vector<Sequence> since;  // all events behind `whole`, if one of them counts
  };
  void lead_around(Tip& tip);
  void miss(Line& line, Sequence sequence);

  std::map<Sequence, Sequence> ranges_;  // first → last
  std::vector<Sequence> unknown_;        // kinds of a later version: they may stand on any chain
  std::unordered_set<Sequence> elided_parts_;
  std::unordered_map<std::string, Tip> chains_;
  std::map<std::string, Line> named_;
  std::map<Sequence, Detour> detours_;
};

}  // namespace daybook::detail
