#pragma once

#include <Python.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace daybook::python {

// Keeps alive what a Value made by to_value() borrows from: contiguous copies, encoded texts, list storage. Used again
// and again: clear() keeps its memory, up to a bound. Belongs to one thread at a time; clear() and the destructor need
// the GIL.
class Keep {
 public:
  Keep() = default;
  Keep(const Keep&) = delete;
  Keep& operator=(const Keep&) = delete;
  ~Keep();

  // Uninitialized memory for any type, until clear().
  std::byte* allocate(std::size_t size);
  // Takes a reference of its own.
  void hold(PyObject* object);
  void clear();

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
  std::vector<PyObject*> held_;
};

}  // namespace daybook::python
