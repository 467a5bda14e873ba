// Any bytes as a data.mdb: verify looks at them, salvage saves what is in them, and what it makes is sound.
#include "daybook/journal/salvage.h"

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/store.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/replay.h"
#include "fuzz/target.h"

using namespace daybook;
namespace fs = std::filesystem;

namespace {

void read_all(const fs::path& journal) {
  const Reader reader(journal);
  Sequence expected = 1;
  reader.events(1, reader.last(), [&](const Event& event) {
    fuzz::require(event.sequence == expected);
    const auto* lost = std::get_if<Lost>(&event.body);
    expected = lost != nullptr ? lost->up_to + 1 : expected + 1;
    return true;
  });
  fuzz::require(expected == reader.last() + 1);
  for (const auto& state : reader.states(reader.last())) {
    static_cast<void>(dataset_attributes(reader, state, reader.last()));
    try {
      static_cast<void>(replay(reader, state));
    } catch (const InvalidError&) {  // a value that no file can hold
    }
  }
  static_cast<void>(reader.stages(reader.last()));
  static_cast<void>(reader.checkpoints());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Workplace folder;
  detail::Store::first_map_bytes = std::uint64_t{16} << 20;
  const auto damaged = folder / "damaged", saved = folder / "saved";
  fs::create_directories(damaged);
  fs::remove_all(saved);
  fuzz::write(damaged / "data.mdb", fuzz::bytes_of(data, size));
  try {
    verify(damaged);
  } catch (const UnsupportedError&) {
  }
  const auto found = salvage(damaged, saved);
  fuzz::require(fs::exists(saved) == (found.events != 0));
  if (found.events == 0) return 0;
  const auto verification = verify(saved);
  fuzz::require(verification.damage.empty() && verification.events == found.events);
  read_all(saved);
  return 0;
}
