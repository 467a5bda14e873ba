#include "daybook/materializer/hdf5_elements.h"

#include <algorithm>
#include <memory>
#include <string>

#include "daybook/materializer/chunk_grid.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{4} << 20;        // copied through a buffer
constexpr std::uint64_t view_block_bytes = std::uint64_t{64} << 20;  // written from where it stands
constexpr std::uint64_t block_strings = 4096;

// Elements as HDF5 wants them in memory.
class BlockBuffer {
 public:
  explicit BlockBuffer(const StoredValue& value) : value_(value) {}

  const void* load(std::uint64_t first, std::uint64_t count) {
    if (value_.type.is_variable()) return load_variable(first, count);
    if (const std::byte* all = value_.elements->data(); all != nullptr) return all + first * value_.type.size();
    const auto stretch = value_.elements->stretch(first);
    if (stretch.size() >= count * value_.type.size()) return stretch.data();
    grow(count * value_.type.size());
    value_.elements->read(first, count, bytes_.get());
    return bytes_.get();
  }

 private:
  const void* load_variable(std::uint64_t first, std::uint64_t count) {
    views_.resize(count);
    value_.elements->read_variable(first, count, views_.data());
    return value_.type.kind() == Kind::string ? load_strings() : load_arrays();
  }

  const void* load_strings() {
    std::size_t total = 0;
    for (const std::string_view view : views_) total += view.size() + 1;
    text_.clear();
    text_.reserve(total);
    strings_.clear();
    for (const std::string_view view : views_) {
      if (view.find('\0') != std::string_view::npos)
        throw InvalidError("a variable-length string with a NUL in it: HDF5 would cut it there");
      strings_.push_back(text_.data() + text_.size());  // stays: all the room is reserved
      text_.append(view).push_back('\0');
    }
    return strings_.data();
  }

  const void* load_arrays() {
    arrays_.clear();
    const std::size_t size = value_.type.base().size();
    for (const std::string_view view : views_)  // HDF5 only reads through the pointer
      arrays_.push_back({view.size() / size, view.empty() ? nullptr : const_cast<char*>(view.data())});
    return arrays_.data();
  }

  void grow(std::size_t size) {
    if (size <= size_) return;
    bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
    size_ = size;
  }

  const StoredValue& value_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::vector<std::string_view> views_;
  std::string text_;
  std::vector<const char*> strings_;
  std::vector<hvl_t> arrays_;
};

// Blocks are `count` indices of dimension `axis`, with one index of each dimension before and all of those behind.
struct BlockShape {
  std::size_t axis = 0;
  std::uint64_t count = 1;
  std::uint64_t inner = 1;  // elements per index of `axis`
};

std::uint64_t inner_elements(std::span<const std::uint64_t> shape, std::size_t axis) {
  return element_count(shape.subspan(axis + 1));
}

BlockShape choose_block(std::span<const std::uint64_t> shape, std::uint64_t max_elements, const Shape& chunk) {
  BlockShape block;
  while (block.axis + 1 < shape.size() && inner_elements(shape, block.axis) > max_elements) ++block.axis;
  // A chunk that is cut by blocks would be compressed, read back and compressed again.
  for (std::size_t i = 0; i < block.axis && !chunk.empty(); ++i)
    if (chunk[i] > 1) block.axis = i;
  block.inner = inner_elements(shape, block.axis);
  block.count = std::max<std::uint64_t>(1, max_elements / block.inner);
  if (!chunk.empty()) block.count = std::max(chunk[block.axis], block.count / chunk[block.axis] * chunk[block.axis]);
  block.count = std::min(block.count, shape[block.axis]);
  return block;
}

// For one H5Dwrite after the other of a value. Where HDF5 converts (elements of variable length), it clears two buffers of a
// megabyte each time unless told how few elements there are.
class Transfer {
 public:
  explicit Transfer(const StoredValue& value) {
    if (!value.type.is_variable()) return;
    own_ = Hdf5Properties(H5Pcreate(H5P_DATASET_XFER), "make transfer properties");
    const std::uint64_t elements = std::min(value.count(), block_strings);
    check_hdf5(H5Pset_buffer(own_.id(), elements * sizeof(hvl_t), nullptr, nullptr), "set the size of HDF5's buffers");
  }
  [[nodiscard]] hid_t id() const { return own_ ? own_.id() : H5P_DEFAULT; }

 private:
  Hdf5Properties own_;
};

// For chunks of which a row is more than memory should hold.
void write_chunk_by_chunk(hid_t dataset, hid_t type, const StoredValue& value, const Shape& chunk,
                          const std::function<void(std::uint64_t)>& progress) {
  const ChunkGrid grid(value.shape, chunk, value.type.size());
  const Hdf5Space file_space(H5Dget_space(dataset), "get the dataspace");
  const std::vector<hsize_t> dims(chunk.begin(), chunk.end()), origin(chunk.size(), 0);
  const Hdf5Space memory(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), "make a dataspace");
  std::vector<std::byte> bytes(grid.chunk_bytes());
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < grid.count(); ++i) {
    grid.gather(i, *value.elements, {}, bytes.data());
    const Shape at = grid.offset(i), extents = grid.extent(at);
    const std::vector<hsize_t> start(at.begin(), at.end()), count(extents.begin(), extents.end());
    check_hdf5(H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
               "select a chunk");
    check_hdf5(H5Sselect_hyperslab(memory.id(), H5S_SELECT_SET, origin.data(), nullptr, count.data(), nullptr),
               "select a chunk's part");
    check_hdf5(H5Dwrite(dataset, type, memory.id(), file_space.id(), H5P_DEFAULT, bytes.data()), "write a chunk");
    done += element_count(extents);
    if (progress) progress(done);
  }
}

}  // namespace

Shape choose_chunk(const Shape& shape, std::uint32_t element_size, std::uint64_t target) {
  const std::uint64_t max_elements = std::max<std::uint64_t>(1, target / element_size);
  const BlockShape block = choose_block(shape, max_elements, {});
  const std::uint64_t pieces = (shape[block.axis] + block.count - 1) / block.count;
  Shape chunk = shape;
  for (std::size_t i = 0; i < block.axis; ++i) chunk[i] = 1;
  chunk[block.axis] = (shape[block.axis] + pieces - 1) / pieces;
  return chunk;
}

Hdf5Space make_space(const StoredValue& value, bool extendible) {
  if (value.form == Form::null) return {H5Screate(H5S_NULL), "make a null dataspace"};
  if (value.shape.empty()) return {H5Screate(H5S_SCALAR), "make a scalar dataspace"};
  const std::vector<hsize_t> dims(value.shape.begin(), value.shape.end());
  const std::vector<hsize_t> ends(extendible ? dims.size() : 0, H5S_UNLIMITED);
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), extendible ? ends.data() : nullptr),
          "make a dataspace"};
}

std::uint64_t stored_bytes(const StoredValue& value) {
  return value.count() * (value.type.is_variable() ? sizeof(hvl_t) : value.type.size());
}

void write_elements(hid_t dataset, hid_t type, const StoredValue& value, const Shape& chunk,
                    const std::function<void(std::uint64_t)>& progress) {
  const std::uint64_t total = value.count();
  if (total == 0) return;
  BlockBuffer buffer(value);
  const Transfer transfer(value);
  std::uint64_t max_elements = block_strings;
  if (!value.type.is_variable())
    max_elements = std::max<std::uint64_t>(
        1, (value.elements->data() != nullptr ? view_block_bytes : block_bytes) / value.type.size());
  if (total <= max_elements) {
    check_hdf5(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, transfer.id(), buffer.load(0, total)), "write the elements");
    if (progress) progress(total);
    return;
  }

  const BlockShape block = choose_block(value.shape, max_elements, value.type.is_variable() ? Shape{} : chunk);
  if (value.elements->data() == nullptr && block.count * block.inner > max_elements &&
      block.count * block.inner * value.type.size() > view_block_bytes) {
    write_chunk_by_chunk(dataset, type, value, chunk, progress);
    return;
  }
  const Hdf5Space file_space(H5Dget_space(dataset), "get the dataspace");
  std::vector<hsize_t> start(value.shape.size(), 0), count(value.shape.begin(), value.shape.end());
  for (std::size_t i = 0; i < block.axis; ++i) count[i] = 1;
  Hdf5Space memory;
  hsize_t memory_elements = 0;
  for (std::uint64_t done = 0; done < total;) {
    count[block.axis] = std::min<std::uint64_t>(block.count, value.shape[block.axis] - start[block.axis]);
    const hsize_t elements = count[block.axis] * block.inner;
    if (elements != memory_elements) memory = Hdf5Space(H5Screate_simple(1, &elements, nullptr), "make a dataspace");
    memory_elements = elements;
    check_hdf5(H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
               "select a block");
    check_hdf5(H5Dwrite(dataset, type, memory.id(), file_space.id(), transfer.id(), buffer.load(done, elements)),
               "write the elements");
    done += elements;
    if (progress) progress(done);
    start[block.axis] += count[block.axis];
    for (std::size_t i = block.axis; i > 0 && start[i] == value.shape[i]; --i) {  // to the next index of the outer ones
      start[i] = 0;
      ++start[i - 1];
    }
  }
}

void write_elements_of_attribute(hid_t attribute, hid_t type, const StoredValue& value) {
  if (value.count() == 0) return;
  BlockBuffer buffer(value);
  check_hdf5(H5Awrite(attribute, type, buffer.load(0, value.count())), "write the attribute's elements");
}

}  // namespace daybook::detail
