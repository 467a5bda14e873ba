#include "daybook/materializer/element_store.h"

#include <algorithm>

namespace daybook::detail {

namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{256} << 10;

// Calls use(offset within the range, bytes) for the pieces of a range of a value's bytes.
template <class Use>
void each_block(const Value& run, std::uint64_t offset, std::uint64_t size, Use&& use) {
  if (run.is_contiguous()) {
    use(std::uint64_t{0}, run.bytes().subspan(offset, size));
    return;
  }
  std::vector<std::byte> block(std::min(block_bytes, size));
  for (std::uint64_t done = 0; done < size; done += block.size()) {
    block.resize(std::min<std::uint64_t>(block.size(), size - done));
    run.read_bytes(offset + done, block);
    use(done, std::span<const std::byte>(block));
  }
}

}  // namespace

Value pack_texts(Form form, const Type& type, const Shape& shape, std::uint64_t count,
                 std::span<const std::string_view> texts) {
  std::vector<std::byte> bytes;
  const auto add = [&](const void* from, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), first, first + size);
  };
  std::uint64_t end = 0;
  for (const auto& text : texts) {
    end += text.size();
    if (texts.size() != 1) add(&end, sizeof end);
  }
  for (const auto& text : texts) {
    if (!text.empty()) add(text.data(), text.size());
  }
  return Value::raw(form, type, shape, count, {bytes}).owned();
}

ElementStore::Reference ElementStore::keep_text(const Value& run, std::uint64_t element) {
  const auto extent = run.extent_at(element);
  const Reference reference{text_.size(), extent.length};
  each_block(run, extent.offset, extent.length, [&](std::uint64_t, auto bytes) { text_.append(bytes); });
  return reference;
}

void ElementStore::append(const Value& run, const Before& before) {
  if (before) {
    const auto size = run.byte_size();
    std::vector<std::byte> block;
    for (std::uint64_t done = 0; done < size; done += block.size()) {
      block.resize(std::min(block_bytes, size - done));
      before(done, block.size());
      run.read_bytes(done, block);
      data_.append(block);
    }
    return;
  }
  if (!run.type().is_variable()) {
    each_block(run, 0, run.byte_size(), [&](std::uint64_t, auto bytes) { data_.append(bytes); });
    return;
  }
  const auto count = run.element_count();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto reference = keep_text(run, i);
    data_.append(std::as_bytes(std::span(&reference, 1)));
  }
}

// A shorter text takes the place of the old one, so that an element written again and again does not grow the spool.
void ElementStore::rewrite_text(std::uint64_t position, const Value& run, std::uint64_t element) {
  Reference reference;
  data_.read(position, std::as_writable_bytes(std::span(&reference, 1)));
  const auto extent = run.extent_at(element);
  if (extent.length <= reference.length) {
    each_block(run, extent.offset, extent.length,
               [&](std::uint64_t at, auto bytes) { text_.write(reference.offset + at, bytes); });
    reference.length = extent.length;
  } else {
    reference = keep_text(run, element);
  }
  data_.write(position, std::as_bytes(std::span(&reference, 1)));
}

void ElementStore::overwrite(std::uint64_t position, const Value& run, std::uint64_t first, std::uint64_t count) {
  if (run.type().is_variable()) {
    for (std::uint64_t i = 0; i < count; ++i) rewrite_text(position + i * reference_bytes, run, first + i);
    return;
  }
  const std::uint64_t size = run.type().size();
  each_block(run, first * size, count * size, [&](std::uint64_t at, auto bytes) { data_.write(position + at, bytes); });
}

void ElementStore::scatter(std::uint64_t position, std::int64_t stride, const Value& run, std::uint64_t first,
                           std::uint64_t count) {
  const auto at = [&](std::uint64_t i) {
    return position + static_cast<std::uint64_t>(static_cast<std::int64_t>(i) * stride);
  };
  if (!run.type().is_variable() && run.is_contiguous()) {
    const std::uint64_t size = run.type().size();
    data_.scatter(position, stride, size, count, run.bytes().data() + first * size);
    return;
  }
  for (std::uint64_t i = 0; i < count; ++i) overwrite(at(i), run, first + i, 1);
}

void ElementStore::read_texts(std::uint64_t position, std::uint64_t count, std::string_view* out,
                              std::string& buffer) const {
  std::vector<Reference> references(count);
  data_.read(position, std::as_writable_bytes(std::span(references)));
  for (std::size_t first = 0; first < references.size();) {
    // Texts that stand one behind the other, as appended ones do, are read at once.
    std::uint64_t length = references[first].length;
    std::size_t end = first + 1;
    while (end < references.size() && references[end].offset == references[first].offset + length) {
      length += references[end++].length;
    }
    auto at = buffer.size();
    buffer.resize(at + length);
    text_.read(references[first].offset, std::as_writable_bytes(std::span(buffer.data() + at, length)));
    for (; first < end; ++first) {
      out[first] = {buffer.data() + at, references[first].length};
      at += references[first].length;
    }
  }
}

std::uint64_t ElementStore::text_bytes(std::uint64_t position, std::uint64_t count, std::uint64_t* longest) const {
  constexpr std::uint64_t at_once = 4096;
  std::vector<Reference> references;
  std::uint64_t total = 0;
  while (count > 0) {
    references.resize(std::min(count, at_once));
    data_.read(position, std::as_writable_bytes(std::span(references)));
    for (const auto& reference : references) {
      total += reference.length;
      if (longest != nullptr) *longest = std::max(*longest, reference.length);
    }
    count -= references.size();
    position += references.size() * reference_bytes;
  }
  return total;
}

}  // namespace daybook::detail
