#include "tools/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/json_text.h"
#include "tools/print_element.h"

namespace daybook {
namespace {

constexpr std::uint64_t edge_items = 3;  // NumPy's edgeitems
constexpr std::size_t piece_bytes = std::size_t{32} << 10;
constexpr std::uint64_t brief_elements = 8;
constexpr std::size_t brief_width = 72;

class Printer {
 public:
  Printer(const PrintOptions& options, const std::function<void(std::string_view)>& out)
      : options_(options), out_(out) {}

  void print(const Value& value) {
    abbreviate_ = options_.abbreviate_above != 0 && count_elements(value) > options_.abbreviate_above;
    print_item(value);
    out_(text_);
  }

 private:
  // An empty item takes as much room as an element.
  static std::uint64_t count_elements(const Value& value) {
    std::uint64_t count = value.element_count();
    for (const Value& run : value.runs()) count += std::max(count_elements(run), run.count());
    return count;
  }

  void print_item(const Value& value) {
    switch (value.form()) {
      case Form::scalar:
      case Form::array:
        return print_dimensions(value, 0, value.shape());
      case Form::list:
        return print_list(value);
      case Form::objects:
        return print_list(value);
      case Form::null:
        return put(options_.notation == Notation::json ? "null" : fmt::format("Empty({})", type_text(value.type())));
      case Form::unstorable:
        if (options_.notation == Notation::json) return put("null");
        put(fmt::format("<{}: {}>", printable(value.python_type()), printable(value.repr())));
        return;
      case Form::elided:
        return put(options_.notation == Notation::json ? "null" : fmt::format("<{}>", brief_text(value)));
    }
  }

  // Calls each(i) for what is to be shown of `count` items, with the brackets and commas around.
  template <class Each>
  void print_bracketed(std::uint64_t count, bool nested, Each each) {
    put("[");
    ++depth_;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i != 0) separate(nested);
      if (abbreviate_ && count > 2 * edge_items && i == edge_items) {
        put("...");
        separate(nested);
        i = count - edge_items;
      }
      each(i);
    }
    --depth_;
    put("]");
  }

  void print_dimensions(const Value& value, std::uint64_t first, std::span<const std::uint64_t> shape) {
    if (shape.empty()) return print_element(value, first);
    if (element_count(shape) == 0) return put("[]");  // as NumPy does, whatever the other dimensions are
    const auto inner = shape.subspan(1);
    const std::uint64_t step = element_count(inner);
    print_bracketed(shape.front(), !inner.empty(),
                    [&](std::uint64_t i) { print_dimensions(value, first + i * step, inner); });
  }

  void print_list(const Value& list) {
    const auto runs = list.runs();
    std::vector<std::uint64_t> ends;
    std::uint64_t count = 0;
    bool nested = false;
    for (const Value& run : runs) {
      ends.push_back(count += run.count());
      nested = nested || run.form() == Form::list || !run.shape().empty();
    }
    std::size_t at = 0;
    print_bracketed(count, nested, [&](std::uint64_t i) {
      while (ends[at] <= i) ++at;
      const Value& run = runs[at];
      if (run.form() != Form::scalar && run.form() != Form::array) return print_item(run);
      const std::uint64_t index = i - (ends[at] - run.count());
      print_dimensions(run, index * element_count(run.shape()), run.shape());
    });
  }

  void print_element(const Value& value, std::uint64_t i) {
    element_.clear();
    if (value.type().is_variable()) {
      const auto extent = value.extent_at(i);
      bytes_.resize(extent.length);
      value.read_bytes(extent.offset, bytes_);
      detail::append_variable(element_, value.type(), bytes_, options_.notation);
    } else {
      bytes_.resize(value.type().size());
      value.read_bytes(i * bytes_.size(), bytes_);
      detail::append_element(element_, value.type(), bytes_, options_.notation);
    }
    put(element_);
  }

  void separate(bool nested) {
    if (options_.width != 0 && (nested || column_ > options_.width)) {
      put(",\n");
      column_ = 0;
      put(std::string(depth_, ' '));
    } else {
      put(", ");
    }
  }

  void put(std::string_view piece) {
    text_ += piece;
    column_ += piece.size();
    if (text_.size() < piece_bytes) return;
    out_(text_);
    text_.clear();
  }

  const PrintOptions& options_;
  const std::function<void(std::string_view)>& out_;
  std::string text_, element_;
  std::vector<std::byte> bytes_;
  std::size_t depth_ = 0, column_ = 0;
  bool abbreviate_ = false;
};

std::string sub_array(const Shape& dims) {
  std::string text;
  for (const auto extent : dims) text += fmt::format("[{}]", extent);
  return text;
}

}  // namespace

void print_value(const Value& value, const PrintOptions& options, const std::function<void(std::string_view)>& out) {
  Printer(options, out).print(value);
}

std::string value_text(const Value& value, const PrintOptions& options) {
  std::string text;
  print_value(value, options, [&](std::string_view piece) { text += piece; });
  return text;
}

std::string type_text(const Type& type) {
  const std::string order = type.order() == ByteOrder::big ? " big-endian" : "";
  switch (type.kind()) {
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return fmt::format("int{}{}", type.size() * 8, order);
    case Kind::unsigned_integer:
      return fmt::format("uint{}{}", type.size() * 8, order);
    case Kind::floating:
      return (type.size() == 16 ? "longdouble" : fmt::format("float{}", type.size() * 8)) + order;
    case Kind::complex:
      return (type.size() == 32 ? "clongdouble" : fmt::format("complex{}", type.size() * 8)) + order;
    case Kind::fixed_string:
      return fmt::format("{}[{}]", type.charset() == Charset::ascii ? "bytes" : "str", type.size());
    case Kind::string:
      return type.charset() == Charset::ascii ? "bytes" : "str";
    case Kind::opaque:
      return fmt::format("opaque[{}]", type.size());
    case Kind::enumeration:
      return fmt::format("enum of {}", type_text(type.base()));
    case Kind::vlen:
      return fmt::format("vlen of {}", type_text(type.base()));
    case Kind::compound: {
      std::string text = "{";
      for (const Member& member : type.members()) {
        if (text.size() > 1) text += ", ";
        text += fmt::format("{}: {}{}", printable(member.name), type_text(member.type), sub_array(member.dims));
      }
      return text + "}";
    }
  }
  return "?";
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; number >= 1000 && unit + 1 < std::size(units); ++unit) number /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.{}f} {}", number, number < 10 ? 1 : 0, units[unit]);
}

std::string shape_text(const Value& value) {
  const Form form = value.form() == Form::elided ? value.elided_form() : value.form();
  if (form == Form::scalar || form == Form::null || form == Form::unstorable) return "";
  if (form == Form::list) return fmt::format("{}", value.item_count());
  std::string text = "(";
  for (std::size_t i = 0; i < value.shape().size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", value.shape()[i]);
  return text + (value.shape().size() == 1 ? ",)" : ")");
}

namespace {

std::string kind_text(Form form, const Value& value) {
  switch (form) {
    case Form::scalar:
    case Form::null:
      return type_text(value.type());
    case Form::array:
      return fmt::format("{} {}", type_text(value.type()), shape_text(value));
    case Form::list:
      return fmt::format("list of {}", value.item_count());
    case Form::objects:
      return fmt::format("objects {}", shape_text(value));
    case Form::unstorable:
      return fmt::format("not storable: {}", printable(value.python_type()));
    case Form::elided:
      return fmt::format("{}, payload elided ({})", kind_text(value.elided_form(), value),
                         human_bytes(value.elided_bytes()));
  }
  return "?";
}

}  // namespace

std::string brief_text(const Value& value) {
  std::uint64_t elements = value.element_count();
  for (const Value& run : value.runs()) {
    elements += run.runs().empty() ? std::max(run.element_count(), run.count()) : brief_elements + 1;
  }
  if (value.form() != Form::elided && elements <= brief_elements && value.total_bytes() <= 4096) {
    std::string text = value_text(value);
    if (text.size() <= brief_width) return text;
  }
  return kind_text(value.form(), value);
}

}  // namespace daybook
