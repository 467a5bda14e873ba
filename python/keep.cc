#include "keep.h"

#include <algorithm>

namespace daybook::python {

namespace {
constexpr std::size_t first_block = std::size_t{4} << 10;
constexpr std::size_t kept_block = std::size_t{1} << 20;
}  // namespace

Keep::~Keep() {
  for (PyObject* object : held_) Py_DECREF(object);
}

std::byte* Keep::allocate(std::size_t size) {
  constexpr std::size_t alignment = alignof(std::max_align_t);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (blocks_.empty() || blocks_.back().size - used_ < rounded) {
    const std::size_t next = blocks_.empty() ? first_block : std::min(2 * blocks_.back().size, kept_block);
    const std::size_t block = std::max(rounded, next);
    blocks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[block]), block});
    used_ = 0;
  }
  std::byte* const start = blocks_.back().bytes.get() + used_;
  used_ += rounded;
  return start;
}

void Keep::hold(PyObject* object) {
  held_.push_back(object);
  Py_INCREF(object);
}

void Keep::clear() {
  while (!held_.empty()) {  // a destructor may run Python code
    PyObject* const object = held_.back();
    held_.pop_back();
    Py_DECREF(object);
  }
  if (blocks_.size() > 1 || (!blocks_.empty() && blocks_.back().size > kept_block)) {
    auto largest = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block)
      if (block->size <= kept_block && (largest == blocks_.end() || block->size > largest->size)) largest = block;
    std::vector<Block> left;
    if (largest != blocks_.end()) left.push_back(std::move(*largest));
    blocks_ = std::move(left);
  }
  used_ = 0;
}

}  // namespace daybook::python
