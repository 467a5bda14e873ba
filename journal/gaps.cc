#include "daybook/journal/gaps.h"

#include <algorithm>
#include <utility>

#include "daybook/journal/codec.h"

namespace daybook::detail {

void Gaps::lose(Sequence first, Sequence last) { ranges_[first] = last; }

bool Gaps::is_lost(Sequence sequence) const {
  const auto behind = ranges_.upper_bound(sequence);
  return behind != ranges_.begin() && std::prev(behind)->second >= sequence;
}

void Gaps::miss(Line& line, Sequence sequence) {
  if (!is_lost(sequence)) return;
  const auto place = std::lower_bound(line.lost.begin(), line.lost.end(), sequence);
  if (place == line.lost.end() || *place != sequence) line.lost.insert(place, sequence);
}

void Gaps::pass(const RecordView& record) {
  const auto sequence = record.header.sequence;
  with_message(record, [&](wire::Event::Reader event) {
    if (static_cast<unsigned>(event.which()) > static_cast<unsigned>(wire::Event::LOST)) unknown_.push_back(sequence);
    if (event.isPart() && record.is_elided()) elided_parts_.insert(sequence);
    const auto name = chain_of(event);
    if (name.empty()) return;
    auto& tip = chains_[name];
    auto& line = tip.line;
    if (line.newest == 0) {
      const auto key = event.getKey();
      line.chain = static_cast<Chain>(name.front());
      line.key.assign(key.begin(), key.size());
      if (event.isSetAttribute()) {
        const auto attribute = event.getSetAttribute().getName();
        line.attribute.assign(attribute.begin(), attribute.size());
      }
    }
    const auto previous = event.getPrevious();
    const auto base = event.getBase() == 0 ? sequence : event.getBase();
    const bool change = event.isMutate() || event.isMutateItem() || event.isAppend();
    const bool linked = previous == tip.line.newest;
    // An event that this version does not know may stand between.
    const bool excused = !linked && std::binary_search(unknown_.begin(), unknown_.end(), previous);
    miss(line, previous);
    bool counts = true;
    for (const auto part : event.getParts()) {
      miss(line, part);
      // What stays of an elided record stands in it.
      if (is_lost_part(part) && !record.is_elided()) counts = false;
    }
    if (change) {
      miss(line, base);
      counts = counts && tip.counts && base == tip.base && ((linked && event.getDepth() == tip.depth + 1) || excused);
    }
    const auto before = line.shown;
    if (!counts || (!linked && !excused)) detours_[sequence] = {counts ? sequence : before, before};
    if (event.isReplace()) {
      const auto declared = event.getReplace().getDeclared();
      const auto detour = detours_.find(declared);
      line.metadata_lost = is_lost(declared) || (detour != detours_.end() && detour->second.instead != declared);
      miss(line, declared);
    } else if (counts && !change) {
      line.metadata_lost = false;
    }
    if (counts) {
      line.shown = sequence;
    } else {
      ++line.idle;
    }
    line.newest = sequence;
    tip.base = base;
    tip.depth = event.getDepth();
    tip.counts = counts;
    tip.elided = record.is_elided() || (change && tip.elided);
    if (counts && !tip.elided) {
      tip.whole = sequence;
      tip.since.clear();
    } else if (line.shown != tip.whole) {
      tip.since.push_back(sequence);
    }
  });
}

void Gaps::know(const std::string& head_key, Sequence sequence) {
  if (head_key.empty() || !is_lost(sequence)) return;
  auto& line = chains_[head_key].line;
  if (line.newest == 0) {
    line.chain = static_cast<Chain>(head_key.front());
    if (line.chain == Chain::dataset || line.chain == Chain::archive) line.key = head_key.substr(1);
  }
  miss(line, sequence);
}

void Gaps::lead_around(Tip& tip) {
  auto& line = tip.line;
  if (line.shown == tip.whole) return;
  for (const auto sequence : tip.since) {
    const auto known = detours_.find(sequence);
    if (known == detours_.end() || known->second.instead == sequence) ++line.idle;
    detours_[sequence] = {tip.whole, tip.whole};
  }
  line.shown = tip.whole;
}

void Gaps::finish() {
  for (auto& [name, tip] : chains_) {
    lead_around(tip);
    named_.emplace(name, std::move(tip.line));
  }
  chains_.clear();
}

}  // namespace daybook::detail
