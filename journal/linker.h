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

class Linker {
 public:
  // What link() found out and accept() will remember.
  struct Link {
    Sequence sequence = 0;
    std::int64_t time = 0;
    std::int64_t monotonic = 0;
    DatasetChain* dataset = nullptr;
    ArchiveChain* archive = nullptr;
    ChainState* other = nullptr;  // attribute, stage
  };

  Linker(std::shared_ptr<Store> store, const StoredState& state);

  // Checks the event and fills the journal's fields of its message. InvalidError, and nothing is changed.
  Link link(const Event& event, std::int64_t time, std::int64_t monotonic, wire::Event::Builder to);
  // Null if it is not there.
  const DatasetChain* find(std::string_view key);
  // The event is in the journal: too late for anything to fail.
  void accept(const Link& link, const Event& event) noexcept;

 private:
  DatasetChain& dataset(std::string_view key);
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
