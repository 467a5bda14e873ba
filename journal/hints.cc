// What a damaged data.mdb tells beside its records: remains.h, find_hints().

#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/remains.h"

namespace daybook::detail {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t page_header = 16, node_header = 8;
constexpr std::uint16_t leaf_page = 0x02;

template <class T>
T load(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset).first<sizeof(T)>().data(), sizeof value);
  return value;
}

std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A message standing alone; nothing happens if it is none.
template <class Message, class Read>
void read_message(Bytes bytes, const Read& read) {
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));
  if (words.empty()) return;
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(capnp::word));
  try {
    const std::array<const kj::ArrayPtr<const capnp::word>, 1> segments{kj::arrayPtr(words.data(), words.size())};
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 2 * words.size() + 64;
    capnp::SegmentArrayMessageReader reader({segments.data(), segments.size()}, options);
    read(reader.getRoot<Message>());
  } catch (const kj::Exception&) {
  } catch (const CorruptError&) {
  }
}

std::optional<Hints::State> read_state(Bytes bytes) {
  std::optional<Hints::State> found;
  read_message<wire::State>(bytes, [&](wire::State::Reader state) {
    if (state.getPhase() > static_cast<std::uint8_t>(Phase::crashed)) return;
    found = {static_cast<Phase>(state.getPhase()), state.getLast(), state.getIntakePosition(), state.getIntakeId()};
  });
  return found;
}

class Finder {
 public:
  Finder(const Remains& remains, Hints& hints)
      : remains_(remains),
        hints_(hints),
        // No more events than there is room for in a file of this size, if most are lost: a damaged number is larger.
        most_(std::max<Sequence>(remains.size() / sizeof(RecordHeader), 1024)) {}

  void note(const std::string& key, Bytes value) {
    if (key == info_key) {
      read_message<wire::RunInfo>(value,
                                  [&](wire::RunInfo::Reader info) { hints_.infos.push_back(read_run_info(info)); });
    } else if (key == state_key) {
      const auto state = read_state(value);
      if (state && state->last <= most_) hints_.furthest = std::max(hints_.furthest, state->last);
    }
  }

  void note_head(const std::string& key, Bytes value) {
    Sequence sequence = 0;
    if (value.size() != sizeof sequence || key.empty() || key.front() > static_cast<char>(Chain::stage)) return;
    std::memcpy(&sequence, value.data(), sizeof sequence);
    if (sequence == 0 || sequence > most_) return;
    auto& newest = hints_.heads[key];
    newest = std::max(newest, sequence);
  }

  // The trees of the newest transaction.
  void walk(const Meta& meta) {
    bool sound = true;
    const Problems problems = [&sound](const PageProblem&) { sound = false; };
    PageTrees trees(remains_.file(), meta);
    const auto databases = trees.databases(problems);
    const auto each = [&](const char* name, const PageTrees::Visitor& visit) {
      const auto found = databases.find(name);
      if (found == databases.end()) {
        sound = false;
      } else {
        trees.walk(found->second, visit, problems);
      }
    };
    each(run_db, [&](const PageTrees::Entry& entry) {
      const auto key = text(entry.key);
      note(key, entry.value);
      if (key == state_key) hints_.state = read_state(entry.value);
    });
    each(heads_db, [&](const PageTrees::Entry& entry) { note_head(text(entry.key), entry.value); });
    each(events_db, [](const PageTrees::Entry&) {});
    hints_.current = sound && hints_.state && hints_.state->last <= most_;
    if (hints_.state && hints_.state->last > most_) hints_.state.reset();
  }

  // Leaves anywhere: of older transactions, or of a tree whose way to them is gone.
  void scan(std::uint32_t page_size) {
    std::vector<std::byte> page(page_size);
    for (std::uint64_t offset = 0; remains_.read(offset, page); offset += page_size) {
      if (load<std::uint16_t>(page, 10) != leaf_page) continue;
      const std::size_t lower = load<std::uint16_t>(page, 12);
      if (lower < page_header || lower > page.size()) continue;
      for (std::size_t slot = page_header; slot + 2 <= lower; slot += 2) leaf(page, load<std::uint16_t>(page, slot));
    }
  }

 private:
  void leaf(Bytes page, std::size_t at) {
    if (at < page_header || at + node_header > page.size() || load<std::uint16_t>(page, at + 4) != 0) return;
    const std::size_t key_size = load<std::uint16_t>(page, at + 6);
    const std::size_t size = load<std::uint16_t>(page, at) | std::size_t{load<std::uint16_t>(page, at + 2)} << 16;
    const auto rest = page.subspan(at + node_header);
    if (key_size > rest.size() || size > rest.size() - key_size) return;
    const auto key = text(rest.first(key_size));
    note(key, rest.subspan(key_size, size));
    note_head(key, rest.subspan(key_size, size));
  }

  const Remains& remains_;
  Hints& hints_;
  const Sequence most_;
};

}  // namespace

Hints find_hints(const Remains& remains) {
  Hints hints;
  if (remains.ring()) return hints;
  Finder finder(remains, hints);
  std::vector<Meta> metas;
  try {
    metas = remains.file().metas([](const PageProblem&) {});
    if (!metas.empty()) finder.walk(metas.front());
  } catch (const StorageError&) {
    hints.current = false;  // a bad spot of the disk
  }
  finder.scan(metas.empty() ? 4096 : metas.front().page_size);
  if (metas.empty()) return hints;
  hints.indexed = [&remains, meta = metas.front()] {
    std::map<Sequence, std::uint64_t> found;
    const Problems none = [](const PageProblem&) {};
    try {
      PageTrees trees(remains.file(), meta);
      const auto databases = trees.databases(none);
      const auto events = databases.find(events_db);
      if (events == databases.end()) return found;
      trees.walk(
          events->second,
          [&](const PageTrees::Entry& entry) {
            if (const auto record = find_record(entry.value)) found[record->header.sequence] = record->header.checksum;
          },
          none);
    } catch (const StorageError&) {
      // What was read before the bad spot counts.
    }
    return found;
  };
  return hints;
}

}  // namespace daybook::detail
