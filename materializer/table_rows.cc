#include "daybook/materializer/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"
#include "daybook/materializer/cast_elements.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/stored_elements.h"

namespace daybook::detail {
namespace {

constexpr std::size_t longest_text = 256;  // every row has room for the longest

// The column for values of this type where there are several; empty if there is none.
std::string_view column_of(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int64";
    case Kind::unsigned_integer:
      return type.size() < 8 ? "int64" : "uint64";
    case Kind::floating:
      return type.size() <= 8 ? "float64" : "";
    case Kind::complex:
      return type.size() <= 16 ? "complex128" : "";
    case Kind::fixed_string:
      return "string";
    default:
      return "";
  }
}

Type type_of_column(std::string_view name) {
  if (name == "bool") return Type::of<bool>();
  if (name == "int64") return Type::of<std::int64_t>();
  if (name == "uint64") return Type::of<std::uint64_t>();
  if (name == "float64") return Type::of<double>();
  return Type::of<std::complex<double>>();
}

// Columns of a table while its rows are made: each one a stretch of elements, `fill` where a row has none.
class Columns {
 public:
  explicit Columns(std::size_t rows) : rows_(rows) {}

  [[nodiscard]] bool has(std::string_view name) const { return columns_.contains(std::string(name)); }

  void add(std::string name, const Type& type, const Shape& dims = {}) {
    Column column{type, dims, element_count(dims) * type.size(), {}};
    column.bytes.resize(rows_ * column.width);
    if (type.kind() == Kind::floating || type.kind() == Kind::complex) {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      const Cast cast(Type::of<double>(), type);
      for (std::size_t at = 0; at < column.bytes.size(); at += type.size())
        cast(reinterpret_cast<const std::byte*>(&nan), column.bytes.data() + at, 1);
    }
    order_.push_back(name);
    columns_.emplace(std::move(name), std::move(column));
  }

  void put(std::string_view name, std::size_t row, const Type& type, std::span<const std::byte> bytes) {
    Column& column = columns_.at(std::string(name));
    Cast(type, column.type)(bytes.data(), column.bytes.data() + row * column.width, element_count(column.dims));
  }
  void put(std::string_view name, std::size_t row, std::string_view text) {
    if (!text.empty())
      put(name, row, Type::fixed_string(static_cast<std::uint32_t>(text.size())), std::as_bytes(std::span(text)));
  }

  StoredValue rows() {
    std::vector<Member> members;
    std::uint64_t width = 0;
    for (const std::string& name : order_) {
      const Column& column = columns_.at(name);
      members.push_back({name, static_cast<std::uint32_t>(width), column.type, column.dims});
      width += column.width;
    }
    std::vector<std::byte> bytes(rows_ * width);
    for (const Member& member : members) {
      const Column& column = columns_.at(member.name);
      for (std::size_t row = 0; row < rows_; ++row)
        std::memcpy(bytes.data() + row * width + member.offset, column.bytes.data() + row * column.width, column.width);
    }
    const Type type = Type::compound(static_cast<std::uint32_t>(width), std::move(members));
    const Shape shape{rows_};
    return {Form::array, type, shape, elements_of_value(Value::array(type, shape, bytes).owned())};
  }

 private:
  struct Column {
    Type type;
    Shape dims;
    std::uint64_t width;
    std::vector<std::byte> bytes;
  };
  std::size_t rows_;
  std::map<std::string, Column> columns_;
  std::vector<std::string> order_;
};

// The fixed-length type that holds all these texts.
class TextWidth {
 public:
  void add(std::string_view text) {
    longest_ = std::max(longest_, text.size());
    ascii_ = ascii_ && is_ascii(text);
  }
  [[nodiscard]] Type type() const {
    return Type::fixed_string(static_cast<std::uint32_t>(longest_), ascii_ ? Charset::ascii : Charset::utf8);
  }

 private:
  std::size_t longest_ = 1;
  bool ascii_ = true;
};

bool is_alike(const std::vector<TableCell>& cells) {
  return std::all_of(cells.begin(), cells.end(), [&](const TableCell& cell) {
    return cell.type == cells.front().type && cell.dims == cells.front().dims;
  });
}

void part_misfits(std::vector<TableCell>& cells, TableValue& table) {
  std::erase_if(cells, [&](const TableCell& cell) {
    const bool text = cell.type.kind() == Kind::fixed_string;
    const bool fits = cell.dims.empty() && !column_of(cell.type).empty() && (!text || cell.type.size() <= longest_text);
    if (!fits)
      table.apart.emplace_back(cell.node, fmt::format("a table of many rows with values of different types has no "
                                                      "column for {} {}",
                                                      cell.type.name(), cell.dims.empty() ? "" : "arrays"));
    return !fits;
  });
}

Type column_type(std::string_view column, const std::vector<TableCell>& cells) {
  if (column != "string") return type_of_column(column);
  TextWidth width;
  for (const TableCell& cell : cells)
    if (cell.type.kind() == Kind::fixed_string)
      width.add({reinterpret_cast<const char*>(cell.bytes.data()), cell.bytes.size()});
  return width.type();
}

void add_values(const std::vector<TableCell>& cells, Columns& columns) {
  std::vector<std::string_view> names;
  for (const TableCell& cell : cells)
    if (const auto name = column_of(cell.type); std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  if (names.size() <= 1 || is_alike(cells)) {
    const bool alike = is_alike(cells);
    columns.add("value", alike ? cells.front().type : column_type(names.front(), cells),
                alike ? cells.front().dims : Shape{});
    for (std::size_t row = 0; row < cells.size(); ++row) columns.put("value", row, cells[row].type, cells[row].bytes);
    return;
  }
  TextWidth width;
  for (const std::string_view name : names) width.add(name);
  columns.add("type", width.type());
  for (const std::string_view name : names) columns.add(std::string(name), column_type(name, cells));
  for (std::size_t row = 0; row < cells.size(); ++row) {
    const std::string_view name = column_of(cells[row].type);
    columns.put("type", row, name);
    columns.put(name, row, cells[row].type, cells[row].bytes);
  }
}

// A short text, or a number that a double can be; as the columns of attributes hold them.
std::optional<std::string_view> short_text(const Value& value) {
  if (value.form() != Form::scalar || value.type().kind() != Kind::string || !value.is_contiguous())
    return std::nullopt;
  const std::string_view text = value.string_at(0);
  if (text.size() > longest_text || text.find('\0') != std::string_view::npos || !is_utf8(text)) return std::nullopt;
  return text;
}

std::optional<double> plain_number(const Value& value) {
  if (value.form() != Form::scalar || !value.type().is_number() || value.type().kind() == Kind::complex)
    return std::nullopt;
  double number = 0;
  auto* bytes = reinterpret_cast<std::byte*>(&number);
  Cast(value.type(), Type::of<double>())(value.bytes().data(), bytes, 1);
  if (first_change(value.type(), value.bytes().data(), Type::of<double>(), bytes, 1)) return std::nullopt;
  return number;
}

struct AttributeColumn {
  bool texts = true, numbers = true;
  TextWidth width;
};

void add_attributes(const std::vector<TableCell>& cells, Columns& columns, TableValue& table) {
  std::vector<std::pair<std::string, AttributeColumn>> found;
  const auto find = [&](const std::string& name) {
    return std::find_if(found.begin(), found.end(), [&](const auto& column) { return column.first == name; });
  };
  for (const TableCell& cell : cells) {
    for (const auto& [name, value] : cell.node->attributes) {
      if (find(name) == found.end()) found.emplace_back(name, AttributeColumn{});
      AttributeColumn& column = find(name)->second;
      const auto text = short_text(value);
      column.texts = column.texts && text;
      column.numbers = column.numbers && plain_number(value);
      if (text) column.width.add(*text);
    }
  }
  for (auto& [name, column] : found) {
    const bool named = !name.empty() && name.find('\0') == std::string::npos && is_utf8(name) && !columns.has(name);
    column.texts = column.texts && named;
    column.numbers = column.numbers && named;
    if (column.texts) columns.add(name, column.width.type());
    if (column.numbers) columns.add(name, Type::of<double>());
  }
  for (std::size_t row = 0; row < cells.size(); ++row) {
    for (const auto& [name, value] : cells[row].node->attributes) {
      const AttributeColumn& column = find(name)->second;
      if (column.texts) {
        columns.put(name, row, *short_text(value));
      } else if (column.numbers) {
        const double number = *plain_number(value);
        columns.put(name, row, Type::of<double>(), std::as_bytes(std::span(&number, 1)));
      } else {
        table.attributes.emplace_back(cells[row].name + "." + name, value);
      }
    }
  }
}

}  // namespace

void make_many_rows(std::vector<TableCell> cells, TableValue& table) {
  if (!is_alike(cells)) part_misfits(cells, table);
  if (cells.empty()) return;
  Columns columns(cells.size());
  TextWidth names;
  for (const TableCell& cell : cells) names.add(cell.name);
  columns.add("name", names.type());
  for (std::size_t row = 0; row < cells.size(); ++row) columns.put("name", row, cells[row].name);
  add_values(cells, columns);
  add_attributes(cells, columns, table);
  table.value = columns.rows();
  for (const TableCell& cell : cells) table.held.push_back(cell.node);
}

}  // namespace daybook::detail
