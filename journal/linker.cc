#include "daybook/journal/linker.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "daybook/journal/chains.h"
#include "daybook/journal/error.h"
#include "daybook/journal/number.h"

namespace daybook::detail {

namespace {

// The state by this name; `load` makes it where it is not in memory, and nothing is kept when that throws.
template <class State, class Load>
State& entry(ByName<State>& states, std::string_view name, const Load& load) {
  const auto found = states.find(name);
  return found != states.end() ? found->second : states.emplace(std::string(name), load()).first->second;
}

template <class Body>
const Body& expect(const Event& event) {
  const auto* body = std::get_if<Body>(&event.body);
  if (body != nullptr) return *body;
  throw CorruptError("event " + std::to_string(event.sequence) +
                     " is not of the kind its chain claims: run 'daybook verify'");
}

// Setting a dataset again leaves it where it is in the order of the file; leaving the file in between gives the place up.
bool keeps_place(const DatasetChain& dataset, bool archive) { return dataset.present && dataset.saved && archive; }

constexpr std::uint8_t archive_flag = 4;

// The position that an appended item gets.
std::uint64_t length_of(const DatasetChain& dataset) {
  return dataset.form == Form::list ? dataset.items : dataset.shape.front();
}

// A chain as the journal on disk has it.
DatasetChain load_dataset(const ReadTransaction& transaction, std::string_view key) {
  DatasetChain chain;
  const auto head = find_head(transaction, head_key(Chain::dataset, key));
  if (!head) return chain;
  auto newest = event_at(transaction, *head);
  chain.head = *head;
  chain.base = newest.base;
  chain.depth = newest.depth;
  if (std::holds_alternative<Remove>(newest.body)) return chain;
  chain.present = true;
  const auto base = event_at(transaction, newest.base);
  chain.declared = base.sequence;
  if (const auto* replace = std::get_if<Replace>(&base.body)) {
    chain.declared = replace->declared;
    take_form(chain, replace->value);
  } else {
    take_form(chain, expect<Set>(base).value);
  }
  const auto declared = event_at(transaction, chain.declared);
  chain.born = expect<Set>(declared).born;
  chain.saved = expect<Set>(declared).archive;
  if (chain.born == 0) chain.born = chain.declared;
  // The newest append after the base, if any, says how long the list or array is now.
  for (auto sequence = *head; sequence != chain.base;) {
    const auto event = event_at(transaction, sequence);
    if (const auto* append = std::get_if<Append>(&event.body)) {
      (chain.form == Form::list ? chain.items : chain.shape.front()) = append->index + 1;
      break;
    }
    sequence = event.previous;
  }
  return chain;
}

ChainState load_chain(const ReadTransaction& transaction, std::string_view head_key) {
  ChainState chain;
  if (const auto head = find_head(transaction, head_key)) chain.head = chain.base = *head;
  return chain;
}

}  // namespace

void check_appendable(const EventBody& body) {
  if (std::holds_alternative<RunStarted>(body) || std::holds_alternative<Part>(body) ||
      std::holds_alternative<Lost>(body) || std::holds_alternative<Unknown>(body)) {
    throw InvalidError("an event of kind '" + std::string(kind_name(body)) + "' is not for callers to append");
  }
}

Linker::Linker(std::shared_ptr<Store> store, const StoredState& state)
    : store_(std::move(store)), on_disk_(state.last != 0), last_(state.last), ended_(state.phase == Phase::finished) {
  if (!on_disk_) return;
  const auto transaction = store_->begin_read();
  const auto newest = event_at(transaction, last_);
  last_time_ = newest.time;
  stages_ = load_chain(transaction, head_key(Chain::stage, {}));
}

DatasetChain& Linker::dataset(std::string_view key) {
  const auto found = datasets_.find(key);
  if (found != datasets_.end()) return found->second;
  auto chain = on_disk_ ? load_dataset(store_->begin_read(), key) : DatasetChain{};
  chain.key_words = key_words(key);
  const auto placed = datasets_.emplace(std::string(key), std::move(chain)).first;
  placed->second.key = placed->first;
  return placed->second;
}

const DatasetChain* Linker::find(std::string_view key) {
  if (!on_disk_ && datasets_.find(key) == datasets_.end()) return nullptr;  // asking for a key must not make one
  const DatasetChain& chain = dataset(key);
  return chain.present ? &chain : nullptr;
}

ArchiveChain& Linker::archive(std::string_view key) {
  return entry(archives_, key, [&] {
    ArchiveChain chain;
    if (!on_disk_) return chain;
    const auto transaction = store_->begin_read();
    static_cast<ChainState&>(chain) = load_chain(transaction, head_key(Chain::archive, key));
    if (chain.head != 0) {
      const auto born = expect<Archived>(event_at(transaction, chain.head)).born;
      chain.born = born != 0 ? born : chain.head;
    }
    return chain;
  });
}

ChainState& Linker::attribute(std::string_view key, std::string_view name) {
  const auto head = head_key(Chain::attribute, key, name);
  return entry(attributes_, head, [&] { return on_disk_ ? load_chain(store_->begin_read(), head) : ChainState{}; });
}

Link Linker::next(std::int64_t time, std::int64_t monotonic) const {
  Link link;
  link.sequence = last_ + 1;
  link.time = std::max(time, last_time_);
  link.monotonic = std::max(monotonic, last_monotonic_);
  return link;
}

namespace {

[[noreturn]] void refuse_after_end() { throw InvalidError("the run has ended: its journal takes no more events"); }

}  // namespace

void fill(const Link& link, wire::Event::Builder to) {
  to.setTime(link.time);
  to.setMonotonic(link.monotonic);
  to.setPrevious(link.previous);
  to.setBase(link.base);
  to.setDepth(link.depth);
  switch (to.which()) {
    case wire::Event::SET:
      return to.getSet().setBorn(link.detail);
    case wire::Event::REPLACE:
      return to.getReplace().setDeclared(link.detail);
    case wire::Event::APPEND:
      return to.getAppend().setIndex(link.detail);
    case wire::Event::ARCHIVED:
      return to.getArchived().setBorn(link.detail);
    default:
      return;
  }
}

Link Linker::link(const Event& event, std::int64_t time, std::int64_t monotonic) {
  if (ended_ && !std::holds_alternative<Materialized>(event.body)) refuse_after_end();
  auto link = next(time, monotonic);
  const ChainState* chain = nullptr;
  bool whole = true;  // holds the chain's whole value
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, Set>) {
          link.dataset = &dataset(event.key);
          prepare_form(*link.dataset, body.value);
          link.detail = keeps_place(*link.dataset, body.archive) ? link.dataset->born : 0;
        } else if constexpr (std::is_same_v<Body, Mutate>) {
          link.dataset = &dataset(event.key);
          check_mutate(event.key, *link.dataset, body);
          whole = false;
        } else if constexpr (std::is_same_v<Body, MutateItem>) {
          link.dataset = &dataset(event.key);
          check_item(event.key, *link.dataset, body.index);
          whole = false;
        } else if constexpr (std::is_same_v<Body, Replace>) {
          link.dataset = &dataset(event.key);
          check_present(event.key, *link.dataset, "replace its value");
          prepare_form(*link.dataset, body.value);
          link.detail = link.dataset->declared;
        } else if constexpr (std::is_same_v<Body, Append>) {
          link.dataset = &dataset(event.key);
          check_append(event.key, *link.dataset, body);
          link.detail = length_of(*link.dataset);
          whole = false;
        } else if constexpr (std::is_same_v<Body, Remove>) {
          link.dataset = &dataset(event.key);
          check_present(event.key, *link.dataset, "remove it");
        } else if constexpr (std::is_same_v<Body, Archived>) {
          link.archive = &archive(event.key);
          link.detail = link.archive->born;
          chain = link.archive;
        } else if constexpr (std::is_same_v<Body, SetAttribute>) {
          if (body.name.empty())
            throw InvalidError("dataset '" + std::string(event.key) + "': an attribute needs a name");
          link.other = &attribute(event.key, body.name);
          chain = link.other;
        } else if constexpr (std::is_same_v<Body, StageChanged>) {
          link.other = &stages_;
          chain = link.other;
        } else if constexpr (std::is_same_v<Body, Checkpoint>) {
          if (body.name.empty()) throw InvalidError("a checkpoint needs a name");
        }
      },
      event.body);
  if (link.dataset != nullptr) chain = link.dataset;
  if (chain != nullptr) {
    link.previous = chain->head;
    if (!whole) {
      link.base = chain->base;
      link.depth = chain->depth + 1;
    }
  }
  return link;
}

Link Linker::link(DatasetChain& dataset, const NumberChange& change, std::int64_t time, std::int64_t monotonic) const {
  using What = NumberChange::What;
  if (ended_) refuse_after_end();
  check_number(dataset, change);
  auto link = next(time, monotonic);
  link.dataset = &dataset;
  link.previous = dataset.head;
  switch (change.what) {
    case What::set:
      link.detail = keeps_place(dataset, (change.flags & archive_flag) != 0) ? dataset.born : 0;
      return link;
    case What::replace:
      link.detail = dataset.declared;
      return link;
    case What::append:
      link.detail = length_of(dataset);
      break;
    case What::mutate_item:
      link.detail = change.index;
      break;
    case What::mutate:
      break;
  }
  link.base = dataset.base;
  link.depth = dataset.depth + 1;
  return link;
}

namespace {

void declare(DatasetChain& dataset, Sequence sequence, bool archive) {
  if (!keeps_place(dataset, archive)) dataset.born = sequence;
  dataset.present = true;
  dataset.saved = archive;
  dataset.declared = sequence;
}

}  // namespace

void Linker::accept(const Link& link, const NumberChange& change) noexcept {
  using What = NumberChange::What;
  last_ = link.sequence;
  last_time_ = link.time;
  last_monotonic_ = link.monotonic;
  auto& dataset = *link.dataset;
  dataset.head = link.sequence;
  dataset.depth = link.depth;
  dataset.base = link.base != 0 ? link.base : link.sequence;
  if (change.what == What::append) take_append(dataset);
  if (change.what == What::set) declare(dataset, link.sequence, (change.flags & archive_flag) != 0);
  if (change.what == What::set || change.what == What::replace) take_number(dataset, change.number);
}

void Linker::accept(const Link& link, const Event& event) noexcept {
  last_ = link.sequence;
  last_time_ = link.time;
  last_monotonic_ = link.monotonic;
  const auto rebase = [&](ChainState& chain) {
    chain.head = chain.base = link.sequence;
    chain.depth = 0;
  };
  const auto extend = [&](ChainState& chain) {
    chain.head = link.sequence;
    ++chain.depth;
  };
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, Set>) {
          auto& dataset = *link.dataset;
          rebase(dataset);
          declare(dataset, link.sequence, body.archive);
          take_form(dataset, body.value);
        } else if constexpr (std::is_same_v<Body, Replace>) {
          rebase(*link.dataset);
          take_form(*link.dataset, body.value);
        } else if constexpr (std::is_same_v<Body, Mutate> || std::is_same_v<Body, MutateItem>) {
          extend(*link.dataset);
        } else if constexpr (std::is_same_v<Body, Append>) {
          extend(*link.dataset);
          take_append(*link.dataset);
        } else if constexpr (std::is_same_v<Body, Remove>) {
          rebase(*link.dataset);
          link.dataset->present = false;
        } else if constexpr (std::is_same_v<Body, Archived>) {
          rebase(*link.archive);
          if (link.archive->born == 0) link.archive->born = link.sequence;
        } else if constexpr (std::is_same_v<Body, SetAttribute> || std::is_same_v<Body, StageChanged>) {
          rebase(*link.other);
        } else if constexpr (std::is_same_v<Body, RunEnded>) {
          ended_ = true;
        }
      },
      event.body);
}

}  // namespace daybook::detail
