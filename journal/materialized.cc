#include "daybook/journal/materialized.h"

#include "daybook/journal/clock.h"
#include "daybook/journal/codec.h"
#include "daybook/journal/commit.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/linker.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recovery.h"

namespace daybook {
namespace {

bool same(const Materialized& a, const Materialized& b) {
  return a.file == b.file && a.layout == b.layout && a.digest == b.digest && a.up_to == b.up_to && a.text == b.text;
}

bool is_known(const std::filesystem::path& journal, const Materialized& wanted) {
  const Reader reader(journal);
  for (Sequence sequence = reader.last(); sequence > reader.last_of_run(); --sequence) {
    const Event event = reader.event(sequence);
    if (same(std::get<Materialized>(event.body), wanted)) return true;
  }
  return false;
}

}  // namespace

bool append_materialized(const std::filesystem::path& journal, const Materialized& materialized) {
  if (is_known(journal, materialized)) return false;
  detail::OpenedForWriting opened = detail::open_for_writing(journal);
  detail::Linker linker(opened.store, opened.state);
  detail::Encoder encoder;
  const Event event{.body = materialized, .key = {}, .storage = nullptr};
  encoder.encode(event);
  detail::Clock clock;
  const auto monotonic = detail::Clock::monotonic();
  const auto link = linker.link(event, clock.wall(monotonic), monotonic);
  detail::fill(link, encoder.event());
  const auto header = detail::open_header(encoder, opened.info.uuid, link.sequence);
  detail::StoredState state = opened.state;
  state.last = link.sequence;
  detail::Retention retention(*opened.store, unlimited_history);
  while (true) {
    try {
      detail::Commit commit(*opened.store, retention);
      commit.add(header, encoder.message(), encoder.payload(), nullptr);
      commit.commit(state);
      return true;
    } catch (const detail::MapFull&) {
      opened.store->grow();
    }
  }
}

}  // namespace daybook
