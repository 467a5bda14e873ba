#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/recover.h"

namespace daybook {

struct Damage {
  Sequence sequence = 0;  // 0: not tied to one event; for a range of them the first
  std::string what;       // what and where, in one line
};

struct Verification {
  Sequence events = 0;              // intact ones
  Sequence last = 0;                // newest event that the journal says it has
  Sequence elided = 0;              // of them, those whose value retention has dropped
  std::uint64_t unknown_kinds = 0;  // events of kinds that a later version added
  std::vector<Damage> damage;       // in the order found; of very many the first ones and a line that counts the rest
  Sequence lost = 0;                // events that salvage did not find: no damage of this journal
  std::optional<SalvageNote> salvaged;
  std::string intake;  // "", or what the intake held that is not in data.mdb yet
};

// Checks every page, record, checksum, sequence number, chain and head. It reads the files' bytes itself, never through
// LMDB, which trusts a file too much, stays inside them whatever they hold, and changes nothing. A journal that is
// being written can be verified: what is found is the state of one moment. (For that time LMDB is asked to keep the
// writer from using pages again; it reads none for it but the two meta pages.)
// `progress` is called now and then with the number of events looked at; on a journal being written it may start over.
// Throws UnsupportedError (not a journal, a newer format), StorageError (cannot be read), BusyError (a writer commits
// faster than the journal's index can be read). Damage is no exception: it is the answer.
Verification verify(const std::filesystem::path& dir,
                    const std::function<void(Sequence done, Sequence total)>& progress = {});

}  // namespace daybook
