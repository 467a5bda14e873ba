#pragma once

// Gives an event its place: sequence number, times, and its links to the chain it belongs to. Refuses what replay could
// not apply. Called under the committer's order; knows nothing of intake or threads.

#include <cstdint>
#include <memory>
#include <string>

#include "daybook/journal/codec.h"
#include "daybook/journal/keys.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// InvalidError for events that only the journal itself appends.
void check_appendable(const EventBody& body);

// What link() found out: for the event's message, and for accept() to remember.
struct Link {
  Sequence sequence = 0;
  std::int64_t time = 0;
  std::int64_t monotonic = 0;
  Sequence previous = 0;
  Sequence base = 0;  // 0: the event itself
  std::uint32_t depth = 0;
  std::uint64_t detail = 0;  // of set and archived: born; of replace: declared; of append and mutateItem: index
  DatasetChain* dataset = nullptr;
  ArchiveChain* archive = nullptr;
  ChainState* other = nullptr;  // attribute, stage
};

// Fills in the journal's fields of an event's message.
void fill(const Link& link, wire::Event::Builder to);

class Linker {
 public:
  Linker(std::shared_ptr<Store> store, const StoredState& state);

  // Stays where it is as long as the linker.
  DatasetChain& dataset(std::string_view key);

  // Null if it is not there.
  const DatasetChain* find(std::string_view key);

  // Checks the event. InvalidError, and nothing is changed.
  Link link(const Event& event, std::int64_t time, std::int64_t monotonic);
  Link link(DatasetChain& dataset, const NumberChange& change, std::int64_t time, std::int64_t monotonic) const;
  // The event is in the journal: too late for anything to fail.
  void accept(const Link& link, const Event& event) noexcept;
  void accept(const Link& link, const NumberChange& change) noexcept;

 private:
  [[nodiscard]] Link next(std::int64_t time, std::int64_t monotonic) const;
  ArchiveChain& archive(std::string_view key);
  ChainState& attribute(std::string_view key, std::string_view name);

  std::shared_ptr<Store> store_;
  // A journal that was opened anew has chains on disk that are not in memory yet: each is fetched when first touched.
  bool on_disk_;
  Sequence last_;
  std::int64_t last_time_ = 0;
  std::int64_t last_monotonic_ = 0;
  bool ended_ = false;
  ByName<DatasetChain> datasets_;
  ByName<ArchiveChain> archives_;
  ByName<ChainState> attributes_;  // by head_key
  ChainState stages_;
};

}  // namespace daybook::detail
