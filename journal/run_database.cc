// What stands in the `run` database, and the keys of events.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "daybook/journal/codec.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/record.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

namespace {

// A message of one segment, as the `run` database holds it.
template <class Message, class Build>
std::vector<std::byte> flat(const Build& build) {
  std::size_t words = 1024;
  while (true) {
    // Given to the builder: for memory that it asks for itself and does not get it throws a kj::Exception.
    std::vector<capnp::word> scratch(words);
    capnp::MallocMessageBuilder builder(kj::arrayPtr(scratch.data(), scratch.size()));
    build(builder.initRoot<Message>());
    const auto segments = builder.getSegmentsForOutput();
    if (segments.size() == 1) {
      const auto* first = reinterpret_cast<const std::byte*>(segments[0].begin());
      return {first, first + segments[0].size() * sizeof(capnp::word)};
    }
    words = 64;
    for (const auto segment : segments) words += segment.size();
  }
}

template <class Message, class Read>
auto read_flat(std::span<const std::byte> bytes, const std::filesystem::path& path, const char* what,
               const Read& read) {
  try {
    std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.data(), bytes.data(), words.size() * sizeof(capnp::word));
    const std::array<const kj::ArrayPtr<const capnp::word>, 1> segments{kj::arrayPtr(words.data(), words.size())};
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 2 * words.size() + 64;
    capnp::SegmentArrayMessageReader reader({segments.data(), segments.size()}, options);
    return read(reader.getRoot<Message>());
  } catch (const kj::Exception& e) {
    throw CorruptError("'" + path.string() + "': its " + what + " is malformed (" + e.getDescription().cStr() +
                       "): run 'daybook verify'");
  }
}

std::span<const std::byte> required(const ReadTransaction& transaction, const char* key) {
  const auto found = transaction.find(transaction.databases().run, std::string_view(key));
  if (!found) {
    throw CorruptError("'" + transaction.path().string() + "': the run database has no '" + key +
                       "': run 'daybook verify'");
  }
  return *found;
}

}  // namespace

StoredState read_state(const ReadTransaction& transaction) {
  return read_flat<wire::State>(
      required(transaction, state_key), transaction.path(), "state", [](wire::State::Reader state) {
        return StoredState{static_cast<Phase>(state.getPhase()), state.getLast(), state.getIntakePosition(),
                           state.getIntakeId(), state.getSuperseded()};
      });
}

RunInfo read_info(const ReadTransaction& transaction) {
  return read_flat<wire::RunInfo>(required(transaction, info_key), transaction.path(), "run description",
                                  read_run_info);
}

std::optional<SalvageNote> read_salvage(const ReadTransaction& transaction) {
  const auto stored = transaction.find(transaction.databases().run, std::string_view(salvage_key));
  if (!stored) return std::nullopt;
  return read_flat<wire::Salvage>(*stored, transaction.path(), "note of its salvage", read_salvage_note);
}

void write_salvage(WriteTransaction& transaction, const Store::Databases& databases, const SalvageNote& note) {
  transaction.put(databases.run, as_key(salvage_key), flat<wire::Salvage>([&](wire::Salvage::Builder to) {
                    to.setSource(note.source);
                    to.setTime(note.time);
                    to.setLost(note.lost);
                    to.setMade(note.made);
                    to.setDaybookVersion(note.daybook_version);
                  }));
}

std::optional<Detour> find_detour(const ReadTransaction& transaction, Sequence sequence) {
  if (transaction.databases().detours == 0) return std::nullopt;
  const auto stored = transaction.find(transaction.databases().detours, event_key(sequence));
  if (!stored) return std::nullopt;
  Detour detour;
  if (stored->size() != sizeof detour)
    throw CorruptError("'" + transaction.path().string() + "': a detour is not 16 bytes long: run 'daybook verify'");
  std::memcpy(&detour, stored->data(), sizeof detour);
  return detour;
}

void write_detour(WriteTransaction& transaction, const Store::Databases& databases, Sequence sequence,
                  const Detour& detour) {
  transaction.append(databases.detours, event_key(sequence), std::as_bytes(std::span(&detour, 1)));
}

void write_state(WriteTransaction& transaction, const Store::Databases& databases, const StoredState& state) {
  transaction.put(databases.run, as_key(state_key), flat<wire::State>([&](wire::State::Builder to) {
                    to.setPhase(static_cast<std::uint8_t>(state.phase));
                    to.setLast(state.last);
                    to.setIntakePosition(state.intake_position);
                    to.setIntakeId(state.intake_id);
                    to.setSuperseded(state.superseded);
                  }));
}

void write_info(WriteTransaction& transaction, const Store::Databases& databases, const RunInfo& info) {
  transaction.put(databases.run, as_key(info_key),
                  flat<wire::RunInfo>([&](wire::RunInfo::Builder to) { build_run_info(to, info); }));
}

void check_format(const ReadTransaction& transaction) {
  const auto stored = required(transaction, format_key);
  std::uint32_t format = 0;
  if (stored.size() != sizeof format)
    throw CorruptError("'" + transaction.path().string() + "': its format number is damaged");
  std::memcpy(&format, stored.data(), sizeof format);
  if (format == format_version) return;
  const auto spell = [](std::uint32_t number) {
    return ((number & development_format) != 0 ? "development format " : "format ") +
           std::to_string(number & ~development_format);
  };
  throw UnsupportedError("'" + transaction.path().string() + "' is a journal of " + spell(format) +
                         ", this program reads " + spell(format_version) +
                         ": use the version of Daybook that wrote it, or a newer one");
}

std::array<std::byte, 8> event_key(Sequence sequence) {
  static_assert(std::endian::native == std::endian::little);
  return std::bit_cast<std::array<std::byte, 8>>(__builtin_bswap64(sequence));
}

Sequence sequence_of(std::span<const std::byte> key) {
  Sequence sequence = 0;
  for (const auto byte : key) sequence = sequence << 8U | static_cast<Sequence>(byte);
  return sequence;
}

}  // namespace daybook::detail
