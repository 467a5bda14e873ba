#include "fingerprint.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <array>
#include <cstring>

#define XXH_INLINE_ALL  // short inputs are hashed several times faster inline
#include <xxhash.h>

#include "arrays.h"
#include "value_in.h"

namespace daybook::python {
namespace {

constexpr std::size_t word = sizeof(std::uint64_t);

std::uint64_t load(const std::byte* from, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, std::min(size, word));
  return value;
}

Print sum_words(const std::byte* data, std::size_t size) {
  Print sum = 0;
  std::size_t place = 0;
  for (; (place + 1) * word <= size; ++place) {
    std::uint64_t value;
    std::memcpy(&value, data + place * word, word);
    sum += mix(place, value);
  }
  if (place * word < size) sum += mix(place, load(data + place * word, size - place * word));
  return sum;
}

Print element(std::size_t place, const std::byte* at, std::size_t size) {
  return size <= word ? mix(place, load(at, size)) : mix(place, XXH3_64bits(at, size));
}

// Calls visit(address, place) for each element of the region, or of everything, in C order.
template <class Visit>
void walk(const Elements& elements, const Region* region, const Visit& visit) {
  std::array<Py_ssize_t, max_rank> index{};
  const std::size_t rank = elements.rank;
  const auto extent = [&](std::size_t d) {
    return region != nullptr ? static_cast<Py_ssize_t>(region->count[d]) : elements.shape[d];
  };
  for (std::size_t d = 0; d < rank; ++d)
    if (extent(d) == 0) return;
  const std::byte* at = elements.data;
  std::size_t place = 0;
  std::array<Py_ssize_t, max_rank> places{};  // elements from one index to the next, per dimension
  Py_ssize_t below = 1;
  for (std::size_t d = rank; d-- > 0;) {
    places[d] = below;
    below *= elements.shape[d];
  }
  std::array<Py_ssize_t, max_rank> stride{}, step{};
  for (std::size_t d = 0; d < rank; ++d) {
    const auto start = region != nullptr ? static_cast<Py_ssize_t>(region->start[d]) : 0;
    const auto stepping = region != nullptr ? static_cast<Py_ssize_t>(region->step[d]) : 1;
    at += start * elements.strides[d];
    place += static_cast<std::size_t>(start * places[d]);
    stride[d] = stepping * elements.strides[d];
    step[d] = stepping * places[d];
  }
  while (true) {
    visit(at, place);
    std::size_t d = rank;
    while (d-- > 0) {
      at += stride[d];
      place += static_cast<std::size_t>(step[d]);
      if (++index[d] < extent(d)) break;
      at -= index[d] * stride[d];
      place -= static_cast<std::size_t>(index[d] * step[d]);
      index[d] = 0;
      if (d == 0) return;
    }
    if (rank == 0) return;
  }
}

}  // namespace

Print whole_print(const std::byte* bytes, std::size_t size) { return XXH3_64bits(bytes, size); }

std::size_t Elements::count() const {
  std::size_t count = 1;
  for (std::size_t d = 0; d < rank; ++d) count *= static_cast<std::size_t>(shape[d]);
  return count;
}

Print sum_print(const Elements& elements) {
  if (elements.contiguous) return sum_words(elements.data, elements.bytes());
  Print sum = 0;
  walk(elements, nullptr,
       [&](const std::byte* at, std::size_t place) { sum += element(place, at, elements.item_size); });
  return sum;
}

Print sum_print(const Elements& elements, const Region& region) {
  Print sum = 0;
  if (!elements.contiguous) {
    walk(elements, &region,
         [&](const std::byte* at, std::size_t place) { sum += element(place, at, elements.item_size); });
    return sum;
  }
  const std::size_t size = elements.bytes();
  std::size_t last = ~std::size_t{0};
  walk(elements, &region, [&](const std::byte* at, std::size_t /*place*/) {
    const auto offset = static_cast<std::size_t>(at - elements.data);
    for (std::size_t w = offset / word; w <= (offset + elements.item_size - 1) / word; ++w) {
      if (w == last) continue;
      last = w;
      sum += mix(w, load(elements.data + w * word, size - w * word));
    }
  });
  return sum;
}

Print array_print(const Elements& elements) {
  return elements.contiguous ? whole_print(elements.data, elements.bytes()) : sum_print(elements);
}

const std::byte* find_run(const Elements& elements, const Region& region) {
  if (!elements.contiguous) return nullptr;
  // One run: a single index in the leading dimensions, one stretch in the next, all of the rest.
  const std::byte* at = elements.data;
  bool whole = false;
  for (std::size_t d = 0; d < elements.rank; ++d) {
    const auto count = static_cast<Py_ssize_t>(region.count[d]);
    if (whole && (count != elements.shape[d])) return nullptr;
    if (count > 1) {
      if (region.step[d] != 1) return nullptr;
      whole = true;
    }
    at += static_cast<Py_ssize_t>(region.start[d]) * elements.strides[d];
  }
  return at;
}

void copy_region(const Elements& elements, const Region& region, std::byte* out) {
  const std::size_t size = elements.item_size;
  walk(elements, &region, [&](const std::byte* at, std::size_t /*place*/) {
    std::memcpy(out, at, size);
    out += size;
  });
}

namespace {

// A list can hold itself; nothing that HDF5 can hold is nested so deep.
constexpr int deepest = 64;

Print list_print(PyObject* list, int depth);

Print item_print(PyObject* item, int depth) {
  if (PyFloat_CheckExact(item)) {
    const double value = PyFloat_AS_DOUBLE(item);
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return mix(1, bits);
  }
  if (PyLong_CheckExact(item)) {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (overflow == 0) return mix(2, static_cast<std::uint64_t>(value));
  }
  if (PyBool_Check(item)) return mix(3, item == Py_True ? 1 : 0);
  if (PyUnicode_CheckExact(item)) {
    const auto bytes = static_cast<std::size_t>(PyUnicode_GET_LENGTH(item)) * PyUnicode_KIND(item);
    return mix(4, XXH3_64bits(PyUnicode_DATA(item), bytes));
  }
  if (PyBytes_CheckExact(item))
    return mix(5, XXH3_64bits(PyBytes_AS_STRING(item), static_cast<std::size_t>(PyBytes_GET_SIZE(item))));
  if (const auto elements = find_elements(item)) {
    Print print = array_print(*elements);
    for (std::size_t d = 0; d < elements->rank; ++d) print = mix(static_cast<std::uint64_t>(elements->shape[d]), print);
    return mix(6, print);
  }
  if (PyList_CheckExact(item)) return mix(7, depth < deepest ? list_print(item, depth + 1) : 0);
  Keep keep;
  return mix(8, value_print(to_value(item, keep)));
}

// An item's content may run Python code (its repr), which may change the list.
Print list_print(PyObject* list, int depth) {
  Print sum = 0;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    PyObject* const item = PyList_GET_ITEM(list, i);
    Py_INCREF(item);
    try {
      sum += mix(static_cast<std::uint64_t>(i), item_print(item, depth));
    } catch (...) {
      Py_DECREF(item);
      throw;
    }
    Py_DECREF(item);
  }
  return sum;
}

}  // namespace

Print item_print(PyObject* item) { return item_print(item, 0); }
Print list_print(PyObject* list) { return list_print(list, 0); }

Print value_print(const Value& value) {
  Print print = mix(static_cast<std::uint64_t>(value.form()), value.count());
  print = mix(print, static_cast<std::uint64_t>(value.type().kind()) << 32U | value.type().size());
  for (const auto extent : value.shape()) print = mix(print, extent);
  if (value.form() == Form::unstorable) return mix(print, XXH3_64bits(value.repr().data(), value.repr().size()));
  for (const auto piece : value.segments()) print = mix(print, XXH3_64bits(piece.data(), piece.size()));
  for (const Value& run : value.runs()) print = mix(print, value_print(run));
  return print;
}

}  // namespace daybook::python
