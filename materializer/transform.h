#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/materializer/plan.h"

namespace daybook {

// Edits a plan; touches no file; may be applied to any number of plans.
using Transform = std::function<void(Plan&)>;

// An option's value as a layout file, a command line, C++ or Python give it.
struct OptionValue;
using OptionList = std::vector<OptionValue>;
using OptionTable = std::map<std::string, OptionValue, std::less<>>;
struct OptionValue : std::variant<bool, std::int64_t, double, std::string, OptionList, OptionTable> {
  using variant::variant;
  OptionValue(int v) : variant(std::int64_t{v}) {}  // NOLINT(google-explicit-constructor)
};
using TransformOptions = OptionTable;
std::string to_text(const OptionValue& value);  // as TOML, in one line

enum class OptionType : std::uint8_t {
  boolean,
  integer,   // least … most
  number,    // an integer or a float
  text,      // a string
  choice,    // one of `choices`
  texts,     // a list of strings; a single string is a list of one
  integers,  // a list of integers, each least … most
  table,     // names with booleans, numbers, strings or lists of one of them
  any,       // a boolean, number, string or a list of one of them
};

// One option of a transform: what is checked, and what `daybook layout list` shows.
struct OptionInfo {
  std::string name;
  OptionType type = OptionType::text;
  std::string help;
  std::optional<OptionValue> otherwise = {};  // the default
  bool required = false;                      // neither given nor a default: an error
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string> choices = {};
};

// What there is to know of a transform before it is made.
struct TransformInfo {
  std::string name;
  std::string summary;  // one sentence
  std::vector<OptionInfo> options;
  bool selects = false;  // takes the options of selection_options(), too, which say for which datasets it is
  bool omits = false;    // may leave datasets out of the file: its page says which
};

// An option of a transform that is unknown, missing, of the wrong type or out of range. Names the option, so that who
// read it from a file can name the line.
struct OptionError : InvalidError {
  OptionError(std::string option_name, const std::string& message)
      : InvalidError(message), option(std::move(option_name)) {}
  std::string option;
};

// The options given to a transform, checked against what it takes. Asking for one that its TransformInfo does not list, or
// for another type, is a mistake of the transform's author: std::logic_error.
class CheckedOptions {
 public:
  // OptionError: unknown (with the nearest known name), missing, wrong. Borrows `info`.
  CheckedOptions(const TransformInfo& info, TransformOptions given);

  [[nodiscard]] bool has(std::string_view name) const;  // given, or has a default
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] const std::string& text(std::string_view name) const;  // also a choice
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const;
  [[nodiscard]] const OptionTable& table(std::string_view name) const;
  [[nodiscard]] const OptionValue& any(std::string_view name) const;
  // For what only the transform itself can check. OptionError "transform NAME: option OPTION REASON"
  [[noreturn]] void wrong(std::string_view name, std::string_view reason) const;
  [[nodiscard]] const std::string& transform() const { return info_->name; }

 private:
  const OptionValue& get(std::string_view name) const;
  void check(const OptionInfo& option, const OptionValue& value) const;

  const TransformInfo* info_;
  TransformOptions values_;
};

// A scalar or a 1-d array of an option's value, with HDF5's types int64, float64, bool and UTF-8 string. Owns its bytes.
// InvalidError for a list of different things, an empty one or a table.
Value to_value(const OptionValue& option);

// Which nodes a transform is for. Every condition that is given has to hold.
class Selection {
 public:
  explicit Selection(const CheckedOptions& options);  // of a transform with TransformInfo::selects

  // Only nodes that stand for a dataset or an archived value and are in the file can match. Conditions on type, rank and
  // size are looked at last, since a list has to be replayed for them; a value that cannot be stored meets none of them.
  [[nodiscard]] bool matches(const Plan& plan, const Node& node) const;

 private:
  std::vector<std::string> keys_, except_, paths_, types_, metadata_;
  std::optional<std::uint64_t> min_rank_, max_rank_, min_bytes_, max_bytes_;
};
// keys, except, paths, types, min-rank, max-rank, min-bytes, max-bytes, metadata
const std::vector<OptionInfo>& selection_options();

class TransformRegistry {
 public:
  using Make = std::function<Transform(const CheckedOptions&)>;  // may throw OptionError

  void add(TransformInfo info, Make make);  // InvalidError when the name is taken
  // UnsupportedError names the nearest known one; OptionError.
  [[nodiscard]] Transform make(std::string_view name, const TransformOptions& options) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] const TransformInfo& info(std::string_view name) const;  // UnsupportedError as make()

 private:
  struct Entry {
    TransformInfo info;  // with the selection's options
    Make make;
  };
  [[nodiscard]] const Entry& find(std::string_view name) const;
  std::map<std::string, Entry, std::less<>> entries_;
};

// The one readable list of what Daybook brings along.
TransformRegistry built_in_transforms();

// " (did you mean \"gzip\"?)" for the known name nearest to a misspelt one, " (known: a, b)" if none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace daybook
