#pragma once

// What the writer remembers of every dataset: enough to refuse an event that replay could not apply, and to link each
// event to its chain. Small: no values.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daybook/journal/dataset.h"
#include "daybook/journal/event.h"

namespace daybook::detail {

struct ChainState {
  Sequence head = 0;
  Sequence base = 0;
  std::uint32_t depth = 0;
};

struct DatasetChain : ChainState {
  // Its own name: as it is, and as a message has it (padded words, with a NUL behind the text).
  std::string_view key;
  std::vector<std::uint64_t> key_words;
  bool present = false;
  bool saved = false;  // the newest `set` has archive
  Form form = Form::scalar;
  Type type;
  std::vector<std::uint64_t> shape;  // array, objects
  std::uint64_t items = 0;           // list
  Sequence declared = 0;             // the newest `set`
  Sequence born = 0;                 // saved without a gap since then
};

struct ArchiveChain : ChainState {
  Sequence born = 0;
};

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class State>
using ByName = std::unordered_map<std::string, State, StringHash, std::equal_to<>>;

// The rules of FORMAT.md for one event on its dataset; InvalidError names the key.
void check_mutate(std::string_view key, const DatasetChain& dataset, const Mutate& event);
void check_item(std::string_view key, const DatasetChain& dataset, std::uint64_t index);
void check_append(std::string_view key, const DatasetChain& dataset, const Append& event);
void check_present(std::string_view key, const DatasetChain& dataset, std::string_view doing);

void check_number(const DatasetChain& dataset, const NumberChange& change);

// Takes the memory that take_form() will need.
void prepare_form(DatasetChain& dataset, const Value& value);
// The dataset's form after a whole value was given.
void take_form(DatasetChain& dataset, const Value& value);
void take_number(DatasetChain& dataset, PlainNumber number);
// … and after an append.
void take_append(DatasetChain& dataset);

}  // namespace daybook::detail
