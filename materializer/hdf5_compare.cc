#include "daybook/materializer/hdf5_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::size_t max_differences = 1000;
constexpr std::uint64_t block_bytes = std::uint64_t{4} << 20;

herr_t add_link(hid_t, const char* name, const H5L_info_t*, void* names) noexcept {
  try {
    static_cast<std::set<std::string>*>(names)->insert(name);
    return 0;
  } catch (...) {
    return -1;
  }
}

herr_t add_attribute(hid_t, const char* name, const H5A_info_t*, void* names) noexcept {
  return add_link(0, name, nullptr, names);
}

std::set<std::string> links(hid_t group) {
  std::set<std::string> names;
  check_hdf5(H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add_link, &names), "list a group");
  return names;
}

std::set<std::string> attributes(hid_t object, bool root) {
  std::set<std::string> names;
  check_hdf5(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add_attribute, &names), "list attributes");
  if (root) std::erase_if(names, [](const std::string& name) { return name.starts_with("daybook_"); });
  return names;
}

// True if elements of the type point to memory of their own.
bool has_pointers(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0;
    case H5T_VLEN:
      return true;
    case H5T_ARRAY:
      return has_pointers(Hdf5Type(H5Tget_super(type), "look into a type").id());
    case H5T_COMPOUND:
      for (unsigned i = 0; i < static_cast<unsigned>(H5Tget_nmembers(type)); ++i)
        if (has_pointers(Hdf5Type(H5Tget_member_type(type, i), "look into a type").id())) return true;
      return false;
    default:
      return false;
  }
}

bool same_element(hid_t type, const char* a, const char* b) {
  if (!has_pointers(type)) return std::memcmp(a, b, H5Tget_size(type)) == 0;
  switch (H5Tget_class(type)) {
    case H5T_STRING: {
      const char *left = nullptr, *right = nullptr;
      std::memcpy(&left, a, sizeof left);
      std::memcpy(&right, b, sizeof right);
      return std::strcmp(left != nullptr ? left : "", right != nullptr ? right : "") == 0;
    }
    case H5T_VLEN: {
      hvl_t left, right;
      std::memcpy(&left, a, sizeof left);
      std::memcpy(&right, b, sizeof right);
      const Hdf5Type base(H5Tget_super(type), "look into a type");
      const std::size_t size = H5Tget_size(base.id());
      bool same = left.len == right.len;
      for (std::size_t i = 0; same && i < left.len; ++i)
        same = same_element(base.id(), static_cast<const char*>(left.p) + i * size,
                            static_cast<const char*>(right.p) + i * size);
      return same;
    }
    case H5T_ARRAY: {
      const Hdf5Type base(H5Tget_super(type), "look into a type");
      const std::size_t size = H5Tget_size(base.id()), count = H5Tget_size(type) / size;
      bool same = true;
      for (std::size_t i = 0; same && i < count; ++i) same = same_element(base.id(), a + i * size, b + i * size);
      return same;
    }
    default: {
      bool same = true;
      for (unsigned i = 0; same && i < static_cast<unsigned>(H5Tget_nmembers(type)); ++i) {
        const Hdf5Type member(H5Tget_member_type(type, i), "look into a type");
        const std::size_t offset = H5Tget_member_offset(type, i);
        same = same_element(member.id(), a + offset, b + offset);
      }
      return same;
    }
  }
}

bool same_space(hid_t a, hid_t b) {
  if (H5Sget_simple_extent_type(a) != H5Sget_simple_extent_type(b)) return false;
  return H5Sget_simple_extent_type(a) == H5S_NULL || H5Sextent_equal(a, b) > 0;
}

std::string space_text(hid_t space) {
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return "null";
  std::vector<hsize_t> dims(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
  if (dims.empty()) return "scalar";
  H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  std::string text;
  for (const hsize_t dim : dims) text += fmt::format("{}{}", text.empty() ? "(" : ", ", dim);
  return text + ")";
}

// Elements read into memory; gives back what HDF5 allocated for variable-length ones.
class Elements {
 public:
  Elements(hid_t type, hid_t space, std::uint64_t count)
      : type_(type), space_(space), bytes_(count * H5Tget_size(type)) {}
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
  ~Elements() {
    if (loaded_ && has_pointers(type_)) H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, bytes_.data());
  }
  void check_loaded(herr_t result) { loaded_ = check_hdf5(result, "read the elements") >= 0; }
  [[nodiscard]] char* data() { return bytes_.data(); }

 private:
  hid_t type_, space_;
  std::vector<char> bytes_;
  bool loaded_ = false;
};

// The first element that differs, if one does.
std::uint64_t first_difference(hid_t type, Elements& a, Elements& b, std::uint64_t count) {
  const std::size_t size = H5Tget_size(type);
  if (!has_pointers(type) && std::memcmp(a.data(), b.data(), count * size) == 0) return count;
  std::uint64_t i = 0;
  while (i < count && same_element(type, a.data() + i * size, b.data() + i * size)) ++i;
  return i;
}

class Comparison {
 public:
  std::vector<std::string> differences;

  void groups(hid_t expected, hid_t found, const std::string& path) {
    attributes_of(expected, found, path.empty() ? "/" : path);
    const std::set<std::string> wanted = links(expected), there = links(found);
    for (const std::string& name : wanted)
      if (!there.contains(name)) differ(fmt::format("{} is missing from the file", shown(path + "/" + name)));
    for (const std::string& name : there) {
      if (full()) return;
      if (wanted.contains(name))
        link(expected, found, name, path + "/" + name);
      else
        differ(fmt::format("{} is in the file but not in the journal", shown(path + "/" + name)));
    }
  }

 private:
  static std::string shown(const std::string& path) { return quote_name(path); }
  [[nodiscard]] bool full() const { return differences.size() >= max_differences; }
  void differ(std::string text) {
    if (!full()) differences.push_back(std::move(text));
  }

  void link(hid_t expected, hid_t found, const std::string& name, const std::string& path) {
    H5L_info_t a, b;
    check_hdf5(H5Lget_info(expected, name.c_str(), &a, H5P_DEFAULT), "look at link " + path);
    check_hdf5(H5Lget_info(found, name.c_str(), &b, H5P_DEFAULT), "look at link " + path);
    if (a.type != b.type) return differ(fmt::format("{}: one is a link, the other an object", shown(path)));
    if (a.type == H5L_TYPE_HARD) {
      const Hdf5Object left(H5Oopen(expected, name.c_str(), H5P_DEFAULT), "open " + path);
      const Hdf5Object right(H5Oopen(found, name.c_str(), H5P_DEFAULT), "open " + path);
      return objects(left.id(), right.id(), path);
    }
    std::vector<char> left(a.u.val_size), right(b.u.val_size);
    check_hdf5(H5Lget_val(expected, name.c_str(), left.data(), left.size(), H5P_DEFAULT), "read link " + path);
    check_hdf5(H5Lget_val(found, name.c_str(), right.data(), right.size(), H5P_DEFAULT), "read link " + path);
    if (left != right) differ(fmt::format("{} links to another place", shown(path)));
  }

  void objects(hid_t expected, hid_t found, const std::string& path) {
    const H5I_type_t kind = H5Iget_type(expected);
    if (kind != H5Iget_type(found))
      return differ(fmt::format("{} is another kind of object (group, dataset, type)", shown(path)));
    if (kind == H5I_GROUP) return groups(expected, found, path);
    attributes_of(expected, found, path);
    if (kind == H5I_DATASET)
      datasets(expected, found, path);
    else if (H5Tequal(expected, found) <= 0)
      differ(fmt::format("{} is another type", shown(path)));
  }

  bool same_kind(hid_t expected_type, hid_t found_type, hid_t expected_space, hid_t found_space,
                 const std::string& what) {
    if (check_hdf5(H5Tequal(expected_type, found_type), "compare types") == 0) {
      differ(fmt::format("{} has another type", what));
      return false;
    }
    if (!same_space(expected_space, found_space)) {
      differ(fmt::format("{} has shape {} instead of {}", what, space_text(found_space), space_text(expected_space)));
      return false;
    }
    return true;
  }

  void datasets(hid_t expected, hid_t found, const std::string& path) {
    const Hdf5Type type(H5Dget_type(expected), "get a type"), found_type(H5Dget_type(found), "get a type");
    const Hdf5Space space(H5Dget_space(expected), "get a dataspace"),
        found_space(H5Dget_space(found), "get a dataspace");
    if (!same_kind(type.id(), found_type.id(), space.id(), found_space.id(), shown(path))) return;
    if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) return;
    std::vector<hsize_t> dims(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space.id())));
    H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr);
    if (std::find(dims.begin(), dims.end(), hsize_t{0}) != dims.end()) return;

    // Blocks of whole indices of one dimension, with one index of each dimension before.
    const std::uint64_t max_elements = std::max<std::uint64_t>(1, block_bytes / H5Tget_size(type.id()));
    std::size_t axis = 0;
    std::uint64_t inner = 1;
    for (std::size_t i = dims.size(); i-- > 0;) {
      axis = i;
      if (i == 0 || inner * dims[i] > max_elements) break;
      inner *= dims[i];
    }
    std::vector<hsize_t> start(dims.size(), 0), count(dims);
    for (std::size_t i = 0; i < axis; ++i) count[i] = 1;
    const hsize_t per_block = std::max<std::uint64_t>(1, max_elements / inner);
    for (std::uint64_t done = 0;;) {
      hsize_t elements = 1;
      if (!dims.empty()) {
        count[axis] = std::min(per_block, dims[axis] - start[axis]);
        elements = count[axis] * inner;
        for (const hid_t selected : {space.id(), found_space.id()})
          check_hdf5(H5Sselect_hyperslab(selected, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
                     "select a block");
      }
      const Hdf5Space memory(H5Screate_simple(1, &elements, nullptr), "make a dataspace");
      Elements left(type.id(), memory.id(), elements), right(type.id(), memory.id(), elements);
      left.check_loaded(H5Dread(expected, type.id(), memory.id(), space.id(), H5P_DEFAULT, left.data()));
      right.check_loaded(H5Dread(found, type.id(), memory.id(), found_space.id(), H5P_DEFAULT, right.data()));
      const std::uint64_t same = first_difference(type.id(), left, right, elements);
      if (same < elements)
        return differ(fmt::format("{} differs, first at element {} (in C order)", shown(path), done + same));
      done += elements;
      if (dims.empty()) return;
      start[axis] += count[axis];
      for (std::size_t i = axis; i > 0 && start[i] == dims[i]; --i) {
        start[i] = 0;
        ++start[i - 1];
      }
      if (start[0] == dims[0]) return;
    }
  }

  void attributes_of(hid_t expected, hid_t found, const std::string& path) {
    const bool root = path == "/";
    const std::set<std::string> wanted = attributes(expected, root), there = attributes(found, root);
    for (const std::string& name : wanted)
      if (!there.contains(name))
        differ(fmt::format("attribute {} of {} is missing from the file", quote_name(name), shown(path)));
    for (const std::string& name : there) {
      const std::string what = fmt::format("attribute {} of {}", quote_name(name), shown(path));
      if (wanted.contains(name))
        attribute(expected, found, name, what);
      else
        differ(what + " is in the file but not in the journal");
    }
  }

  void attribute(hid_t expected, hid_t found, const std::string& name, const std::string& what) {
    const Hdf5Attribute left(H5Aopen(expected, name.c_str(), H5P_DEFAULT), "open " + what);
    const Hdf5Attribute right(H5Aopen(found, name.c_str(), H5P_DEFAULT), "open " + what);
    const Hdf5Type type(H5Aget_type(left.id()), "get a type"), found_type(H5Aget_type(right.id()), "get a type");
    const Hdf5Space space(H5Aget_space(left.id()), "get a dataspace"),
        found_space(H5Aget_space(right.id()), "get a dataspace");
    if (!same_kind(type.id(), found_type.id(), space.id(), found_space.id(), what)) return;
    const hssize_t count = H5Sget_simple_extent_npoints(space.id());
    if (count <= 0) return;
    const auto elements = static_cast<std::uint64_t>(count);
    Elements a(type.id(), space.id(), elements), b(type.id(), space.id(), elements);
    a.check_loaded(H5Aread(left.id(), type.id(), a.data()));
    b.check_loaded(H5Aread(right.id(), type.id(), b.data()));
    if (first_difference(type.id(), a, b, elements) < elements) differ(what + " has another value");
  }
};

}  // namespace

std::vector<std::string> compare_hdf5(hid_t expected, hid_t found) {
  Comparison comparison;
  const Hdf5Group left(H5Gopen2(expected, "/", H5P_DEFAULT), "open the root"),
      right(H5Gopen2(found, "/", H5P_DEFAULT), "open the root");
  comparison.groups(left.id(), right.id(), "");
  return std::move(comparison.differences);
}

}  // namespace daybook::detail
