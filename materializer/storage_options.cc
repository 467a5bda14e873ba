#include "daybook/materializer/storage_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "daybook/journal/error.h"
#include "daybook/materializer/filters.h"
#include "daybook/materializer/large_value.h"

namespace daybook::detail {
namespace {

constexpr std::uint32_t usual_level = 4, most_level = 9;  // as h5py
constexpr std::int64_t most_filter = 65535;
constexpr std::uint64_t most_option = 0xffffffff;
constexpr std::uint32_t szip_entropy = 4, szip_nearest_neighbour = 32, szip_pixels = 8;

// Why an option is not followed.
struct NotFollowed {
  std::string why;
};

bool is_none(const Value& value) { return value.form() == Form::unstorable && value.python_type() == "NoneType"; }

std::optional<bool> as_boolean(const Value& value) {
  if (value.form() != Form::scalar || value.type().kind() != Kind::boolean) return std::nullopt;
  return value.as<bool>();
}

std::optional<std::int64_t> as_integer(const Value& value) {
  if (value.form() != Form::scalar) return std::nullopt;
  const Kind kind = value.type().kind();
  if (kind != Kind::integer && kind != Kind::unsigned_integer) return std::nullopt;
  const auto bytes = value.bytes();
  const bool big = value.type().order() == ByteOrder::big;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bits = bits << 8U | static_cast<std::uint64_t>(bytes[big ? i : bytes.size() - 1 - i]);
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.size());
  if (kind == Kind::integer) return static_cast<std::int64_t>(bits << unused) >> unused;
  if (bits >> 63U != 0) return std::nullopt;
  return static_cast<std::int64_t>(bits);
}

std::optional<std::string> as_text(const Value& value) {
  if (value.form() != Form::scalar || value.type().kind() != Kind::string) return std::nullopt;
  return std::string(value.string_at(0));
}

// A tuple, list or array, as its items; one value that is none of them as one item.
std::vector<Value> items_of(const Value& value) {
  if (value.form() == Form::list || value.form() == Form::objects) {
    std::vector<Value> items;
    for (std::uint64_t i = 0; i < value.item_count(); ++i) items.push_back(value.item(i));
    return items;
  }
  if (value.form() != Form::array || value.shape().size() != 1 || value.type().is_variable()) return {value};
  std::vector<Value> items;
  const std::size_t size = value.type().size();
  const auto bytes = value.bytes();
  for (std::size_t at = 0; at + size <= bytes.size(); at += size)
    items.push_back(Value::scalar(value.type(), bytes.subspan(at, size)));
  return items;
}

bool boolean(const Value& value) {
  if (is_none(value)) return false;
  if (const auto truth = as_boolean(value)) return *truth;
  if (const auto number = as_integer(value); number && (*number == 0 || *number == 1)) return *number == 1;
  throw NotFollowed{"it is true or false"};
}

class Options {
 public:
  Options(const std::vector<Attribute>& given, const Value& value, std::vector<std::string>& notes)
      : given_(given), value_(value), notes_(notes) {}

  Storage storage() {
    for (const Attribute& option : given_)
      if (std::find(known.begin(), known.end(), option.name) == known.end())
        note(option.name, "Daybook knows no such option");
    follow("chunks", [&](const Value& value) { chunks(value); });
    follow("maxshape", [&](const Value& value) { maxshape(value); });
    follow("shuffle", [&](const Value& value) {
      if (boolean(value)) add({shuffle_filter, "shuffle", {}});
    });
    follow("compression", [&](const Value& value) { compression(value); });
    follow("fletcher32", [&](const Value& value) {
      if (boolean(value)) add({fletcher32_filter, "fletcher32", {}});
    });
    if (find("compression_opts") != nullptr && !uses_compression_opts_ && !is_none(*find("compression_opts")))
      note("compression_opts", "there is no compression that takes it");
    follow("fillvalue", [&](const Value& value) {
      if (is_none(value)) return;
      if (value.form() != Form::scalar) throw NotFollowed{"it is one number or one text"};
      storage_.fill_value = value.owned();
    });
    follow("track_times", [&](const Value& value) { storage_.track_times = boolean(value); });
    return std::move(storage_);
  }

 private:
  static constexpr std::array<std::string_view, 8> known = {
      "chunks", "maxshape", "shuffle", "compression", "compression_opts", "fletcher32", "fillvalue", "track_times"};

  void note(std::string_view name, const std::string& why) {
    notes_.push_back(fmt::format("its storage option {} is not followed: {}", name, why));
  }

  [[nodiscard]] const Value* find(std::string_view name) const {
    const auto found =
        std::find_if(given_.begin(), given_.end(), [&](const Attribute& option) { return option.name == name; });
    return found == given_.end() ? nullptr : &found->value;
  }

  template <class Follow>
  void follow(std::string_view name, const Follow& what) {
    const Value* value = find(name);
    if (value == nullptr) return;
    try {
      what(*value);
    } catch (const NotFollowed& e) {
      note(name, e.why);
    }
  }

  // Only arrays have chunks, and what needs them. What a list will be is known when it is written.
  void require_array() const {
    const Form form = value_.form() == Form::elided ? value_.elided_form() : value_.form();
    if (form == Form::scalar || form == Form::null || (form == Form::array && value_.shape().empty()))
      throw NotFollowed{"it is for arrays, and this is a single value"};
  }

  void require_rank(std::size_t rank, std::string_view what) const {
    if (value_.form() == Form::array && rank != value_.shape().size())
      throw NotFollowed{fmt::format("{} of {} for an array of {} dimensions", what, rank, value_.shape().size())};
  }

  void add(Filter filter) {
    require_array();
    if (value_.form() == Form::array && value_.type().is_variable())
      throw NotFollowed{"it does nothing for elements of any length"};
    storage_.filters.push_back(std::move(filter));
  }

  void chunks(const Value& value) {
    if (is_none(value)) return;
    if (const auto truth = as_boolean(value)) {
      if (!*truth) return;
      require_array();
      storage_.kind = Storage::Kind::chunked;
      return;
    }
    Shape chunk;
    for (const Value& item : items_of(value)) {
      const auto extent = as_integer(item);
      if (!extent || *extent < 1) throw NotFollowed{"it is true, or a positive number for each dimension"};
      if (chunk.size() == max_rank) throw NotFollowed{"HDF5 has no arrays of so many dimensions"};
      chunk.push_back(static_cast<std::uint64_t>(*extent));
    }
    if (chunk.empty()) throw NotFollowed{"it is true, or a positive number for each dimension"};
    require_array();
    require_rank(chunk.size(), "chunks");
    storage_.kind = Storage::Kind::chunked;
    storage_.chunk = chunk;
  }

  void maxshape(const Value& value) {
    if (is_none(value)) return;
    if (const auto truth = as_boolean(value)) {
      if (!*truth) return;
    } else {
      bool without_end = false;
      const std::vector<Value> ends = items_of(value);
      for (const Value& end : ends) {
        without_end = without_end || is_none(end);
        if (!is_none(end) && !as_integer(end)) throw NotFollowed{"it is true, or None or a number for each dimension"};
      }
      if (!without_end) throw NotFollowed{"Daybook makes dimensions without end (None), or none that can grow"};
      require_array();
      require_rank(ends.size(), "ends");
    }
    require_array();
    storage_.kind = Storage::Kind::chunked;
    storage_.extendible = true;
  }

  void compression(const Value& value) {
    if (is_none(value) || as_boolean(value) == false) return;
    if (as_boolean(value) == true) return gzip();
    if (const auto number = as_integer(value)) {
      if (*number >= 0 && *number <= most_level)
        return add({gzip_filter, "gzip", {static_cast<std::uint32_t>(*number)}});
      if (*number < 0 || *number > most_filter) throw NotFollowed{fmt::format("{} is no HDF5 filter", *number)};
      return filter(static_cast<std::int32_t>(*number));
    }
    const auto name = as_text(value);
    if (!name) throw NotFollowed{"it is a name, a level of gzip from 0 to 9, or the number of a filter"};
    if (*name == "gzip") return gzip();
    if (*name == "szip") return szip();
    if (*name != "lzf")
      throw NotFollowed{fmt::format("there is no \"{}\": gzip, lzf and szip have names, others numbers", *name)};
    add({find_filter("lzf")->id, "lzf", {}});
  }

  const Value* compression_opts() {
    const Value* options = find("compression_opts");
    if (options == nullptr || is_none(*options)) return nullptr;
    uses_compression_opts_ = true;
    return options;
  }

  void gzip() {
    std::uint32_t level = usual_level;
    if (const Value* options = compression_opts()) {
      const auto number = as_integer(*options);
      if (number && *number >= 0 && *number <= most_level)
        level = static_cast<std::uint32_t>(*number);
      else
        note("compression_opts", "gzip takes a level from 0 to 9");
    }
    add({gzip_filter, "gzip", {level}});
  }

  void szip() {
    std::vector<std::uint32_t> made = {szip_nearest_neighbour, szip_pixels};
    if (const Value* options = compression_opts()) {
      const std::vector<Value> items = items_of(*options);
      const auto method = items.size() == 2 ? as_text(items[0]) : std::nullopt;
      const auto pixels = items.size() == 2 ? as_integer(items[1]) : std::nullopt;
      constexpr std::int64_t most_pixels = 32;
      if ((method == "nn" || method == "ec") && pixels && *pixels >= 2 && *pixels <= most_pixels && *pixels % 2 == 0)
        made = {method == "nn" ? szip_nearest_neighbour : szip_entropy, static_cast<std::uint32_t>(*pixels)};
      else
        note("compression_opts", "szip takes (\"nn\" or \"ec\", an even number up to 32)");
    }
    add({szip_filter, "szip", made});
  }

  void filter(std::int32_t id) {
    const KnownFilter* known_one = find_filter(id);
    Filter made = {id, known_one != nullptr ? std::string(known_one->name) : fmt::format("filter {}", id), {}};
    if (const Value* options = compression_opts()) {
      for (const Value& item : items_of(*options)) {
        const auto number = as_integer(item);
        if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > most_option) {
          note("compression_opts", "a filter takes numbers of 32 bits");
          made.options.clear();
          break;
        }
        made.options.push_back(static_cast<std::uint32_t>(*number));
      }
    }
    add(std::move(made));
  }

  const std::vector<Attribute>& given_;
  const Value& value_;
  std::vector<std::string>& notes_;
  Storage storage_;
  bool uses_compression_opts_ = false;
};

}  // namespace

Storage own_storage(const Reader& reader, const DatasetState& state, std::vector<std::string>& notes) {
  if (state.declared == 0 || !state.has_options) return {};
  // Of a value only form, type and shape are asked for, which stand in its message.
  std::vector<UncheckedPart> parts;
  const Event declared = reader.event(state.declared, parts);
  const auto* set = std::get_if<Set>(&declared.body);
  if (set == nullptr || set->options.empty()) return {};
  for (const auto& option : set->options) check_parts_of(option.value, parts);
  if (state.base == state.declared) return Options(set->options, set->value, notes).storage();
  const Event base = reader.event(state.base, parts);
  const auto* replace = std::get_if<Replace>(&base.body);
  return Options(set->options, replace != nullptr ? replace->value : set->value, notes).storage();
}

}  // namespace daybook::detail
