#include "daybook/materializer/table_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "daybook/journal/error.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/stored_elements.h"
#include "daybook/materializer/table_rows.h"

namespace daybook::detail {
namespace {

constexpr std::size_t fields_in_row = 256;     // more are faster, and smaller, as rows
constexpr std::uint64_t header_bytes = 64000;  // HDF5 has less than 64 KiB for the description of a type
constexpr std::uint64_t field_bytes = std::uint64_t{16} << 20;  // a row is held in memory
constexpr std::uint64_t row_bytes = std::uint64_t{256} << 20;

// Bytes of a type's description in an object header, not less than HDF5 takes.
std::uint64_t description(const Type& type, bool newer);

std::uint64_t member_description(std::string_view name, const Type& type, const Shape& dims, bool newer) {
  const std::uint64_t text = newer ? name.size() + 1 : name.size() / 8 * 8 + 8;
  const std::uint64_t array = dims.empty() ? 0 : 12 + 8 * dims.size();
  return text + (newer ? 4 : 32) + array + description(type, newer);
}

std::uint64_t description(const Type& type, bool newer) {
  std::uint64_t bytes = 8;
  switch (type.kind()) {
    case Kind::boolean:
      return bytes + 12 + 16 + 2;
    case Kind::floating:
      return bytes + 12;
    case Kind::complex:
      return bytes + 2 * member_description("r", Type::of<double>(), {}, newer);
    case Kind::enumeration:
      for (const std::string& name : type.enum_names()) bytes += name.size() / 8 * 8 + 8 + type.size();
      return bytes + 12;
    case Kind::compound:
      for (const Member& member : type.members())
        bytes += member_description(member.name, member.type, member.dims, newer);
      return bytes;
    default:
      return bytes + 8;
  }
}

std::uint64_t description(const std::vector<TableCell>& cells, bool newer) {
  std::uint64_t bytes = 8;
  for (const TableCell& cell : cells) bytes += member_description(cell.name, cell.type, cell.dims, newer);
  return bytes;
}

void take_texts(const StoredValue& value, TableCell& cell) {
  std::vector<std::string_view> texts(value.count());
  value.elements->read_variable(0, texts.size(), texts.data());
  std::size_t longest = 1;
  for (const std::string_view text : texts) longest = std::max(longest, text.size());
  if (longest > field_bytes || longest * texts.size() > field_bytes) throw InvalidError("it is too large for a field");
  cell.type = Type::fixed_string(static_cast<std::uint32_t>(longest), value.type.charset());
  cell.bytes.resize(longest * texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (!texts[i].empty()) std::memcpy(cell.bytes.data() + i * longest, texts[i].data(), texts[i].size());
}

// InvalidError for a value that cannot be a field.
TableCell make_cell(const Node& node, const std::string& name, const StoredValue& value) {
  if (name.empty() || name.find('\0') != std::string::npos || !is_utf8(name))
    throw InvalidError("HDF5 cannot hold a field of that name");
  if (value.form == Form::null || value.count() == 0) throw InvalidError("it has no elements");
  if (value.type.kind() == Kind::vlen) throw InvalidError("its elements are of variable length");
  TableCell cell{&node, name, value.type, value.shape, {}};
  if (value.type.kind() == Kind::string) {
    take_texts(value, cell);
  } else {
    if (value.count() > field_bytes / value.type.size()) throw InvalidError("it is too large for a field");
    cell.bytes.resize(value.count() * value.type.size());
    value.elements->read(0, value.count(), cell.bytes.data());
  }
  return cell;
}

std::vector<TableCell> make_cells(std::span<const Node* const> fields,
                                  const std::function<StoredValue(const Node&)>& stored, TableValue& table) {
  std::vector<TableCell> cells;
  cells.reserve(fields.size());
  std::unordered_set<std::string_view> names;
  names.reserve(fields.size());
  std::uint64_t total = 0;
  for (const Node* node : fields) {
    const auto& form = std::get<AsField>(node->form);
    StoredValue value;
    try {
      value = stored(*node);
    } catch (const InvalidError& e) {
      table.refused.emplace_back(node, e.what());
      continue;
    }
    try {
      if (names.contains(form.name)) throw InvalidError("there is a field of that name already");
      TableCell cell = make_cell(*node, form.name, value);
      if (total + cell.bytes.size() > row_bytes) throw InvalidError("the row would become too large");
      total += cell.bytes.size();
      names.insert(form.name);
      cells.push_back(std::move(cell));
    } catch (const InvalidError& e) {
      table.apart.emplace_back(
          node, fmt::format("it could not become field {} of {}: {}", quote_name(form.name), form.table, e.what()));
    }
  }
  return cells;
}

void make_one_row(const std::vector<TableCell>& cells, TableValue& table) {
  std::vector<Member> members;
  std::vector<std::byte> bytes;
  for (const TableCell& cell : cells) {
    members.push_back({cell.name, static_cast<std::uint32_t>(bytes.size()), cell.type, cell.dims});
    bytes.insert(bytes.end(), cell.bytes.begin(), cell.bytes.end());
    table.held.push_back(cell.node);
    for (const auto& [name, value] : cell.node->attributes)
      table.attributes.emplace_back(cell.name + "." + name, value);
  }
  const Type type = Type::compound(static_cast<std::uint32_t>(bytes.size()), std::move(members));
  table.value = {Form::array, type, {1}, elements_of_value(Value::array(type, {1}, bytes).owned())};
}

}  // namespace

TableValue make_table(const AsTable& form, std::span<const Node* const> fields, bool newer_file,
                      const std::function<StoredValue(const Node&)>& stored) {
  TableValue table;
  std::vector<TableCell> cells = make_cells(fields, stored, table);
  if (cells.empty()) return table;
  const bool fits_old = description(cells, newer_file) <= header_bytes;
  const bool fits = fits_old || description(cells, true) <= header_bytes;
  const bool few = form.rows == AsTable::Rows::one || cells.size() <= fields_in_row;
  if (form.rows != AsTable::Rows::many && few && fits) {
    make_one_row(cells, table);
    table.newer_format = !fits_old;
    return table;
  }
  if (form.rows == AsTable::Rows::one)
    table.unlike_layout = fmt::format(
        "has a row for each of {} values: an HDF5 object header cannot describe a row of so many fields", cells.size());
  make_many_rows(std::move(cells), table);
  return table;
}

}  // namespace daybook::detail
