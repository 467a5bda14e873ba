#include "capture.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "arrays.h"
#include "capture_submit.h"
#include "daybook/journal/error.h"

namespace daybook::python {
namespace {

constexpr const char* set_arguments[] = {"key", "value", "metadata", "broadcast", "persist", "archive"};
constexpr const char* mutate_arguments[] = {"key", "index", "value"};
constexpr const char* append_arguments[] = {"key", "value"};
constexpr const char* get_arguments[] = {"key", "archive"};

// The arguments of a vectorcall by position, whichever way they were given; null where one is missing.
template <std::size_t N>
std::array<PyObject*, N> by_position(const char* const (&names)[N], PyObject* const* args, Py_ssize_t count,
                                     PyObject* keywords) {
  std::array<PyObject*, N> found{};
  for (std::size_t i = 0; i < N && static_cast<Py_ssize_t>(i) < count; ++i) found[i] = args[i];
  if (keywords == nullptr) return found;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keywords); ++k)
    for (std::size_t i = 0; i < N; ++i)
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, k), names[i]) == 0) found[i] = args[count + k];
  return found;
}

bool is_true(PyObject* object) {
  if (object == Py_True) return true;
  if (object == nullptr || object == Py_False) return false;
  const int truth = PyObject_IsTrue(object);
  if (truth < 0) PyErr_Clear();
  return truth > 0;
}

// A Python error that was there stays there, whatever is done in between.
class KeepError {
 public:
  KeepError() { PyErr_Fetch(&type_, &value_, &trace_); }
  KeepError(const KeepError&) = delete;
  KeepError& operator=(const KeepError&) = delete;
  ~KeepError() { PyErr_Restore(type_, value_, trace_); }

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

// What str() makes of a key that is no text, or no UTF-8.
std::string text_of(PyObject* key) {
  const Ref text = Ref::own(PyObject_Str(key));
  const Ref bytes = text ? Ref::own(PyUnicode_AsEncodedString(text.get(), "utf-8", "backslashreplace")) : Ref();
  if (!bytes) {
    PyErr_Clear();
    return Py_TYPE(key)->tp_name;
  }
  return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

PyObject* dict_item(PyObject* dict, PyObject* key) {  // borrowed; null if not there
  PyObject* const found = PyDict_GetItemWithError(dict, key);
  if (found == nullptr) PyErr_Clear();
  return found;
}

}  // namespace

Capture::Capture(Manager manager, Session session) : manager_(std::move(manager)), session_(std::move(session)) {}

Capture::~Capture() {
  const KeepError error;
  detach(Mode::off);
}

PyObject* Capture::pass_on(const Ref& method, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* const manager = PyWeakref_GetObject(manager_.manager.get());
  if (manager == Py_None) {
    PyErr_SetString(PyExc_ReferenceError, "the dataset manager is gone");
    return nullptr;
  }
  const auto all = static_cast<std::size_t>(count + (names == nullptr ? 0 : PyTuple_GET_SIZE(names)));
  std::array<PyObject*, 10> few;
  std::vector<PyObject*> many;
  PyObject** passed = few.data();
  if (all + 2 > few.size()) {
    many.resize(all + 2);
    passed = many.data();
  }
  const Ref alive = Ref::share(manager);
  passed[1] = manager;
  std::copy_n(args, all, passed + 2);
  return PyObject_Vectorcall(method.get(), passed + 1,
                             static_cast<std::size_t>(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
}

void Capture::stop(const char* why) noexcept {
  if (mode_ == Mode::off) return;
  mode_ = Mode::fault;
  PyObject* const text = PyUnicode_DecodeUTF8(why, static_cast<Py_ssize_t>(std::strlen(why)), "replace");
  PyObject* const result = text == nullptr ? nullptr : PyObject_CallOneArg(session_.fault.get(), text);
  Py_XDECREF(text);
  if (result == nullptr) PyErr_WriteUnraisable(session_.fault.get());
  Py_XDECREF(result);
}

bool Capture::ready() {
  if (mode_ == Mode::idle && !beginning_) {
    beginning_ = true;
    PyObject* const result = PyObject_CallNoArgs(session_.begin.get());
    beginning_ = false;
    if (result == nullptr) {
      const pybind11::error_already_set error;
      stop(error.what());
    }
    Py_XDECREF(result);
  }
  if (mode_ != Mode::on) return false;
  if (stage_expected_) {
    stage_expected_ = false;
    PyObject* const result = PyObject_CallNoArgs(session_.stage.get());
    if (result == nullptr) throw pybind11::error_already_set();
    Py_DECREF(result);
  }
  return mode_ == Mode::on;
}

void Capture::attach(Journal journal) {
  journal_ = std::make_shared<Journal>(std::move(journal));
  ++generation_;
  mode_ = Mode::on;
}

void Capture::detach(Mode mode) {
  mode_ = mode;
  if (!journal_) return;
  std::shared_ptr<Journal> closing = std::move(journal_);
  const pybind11::gil_scoped_release release;
  closing.reset();
}

std::string_view Capture::name_of(PyObject* key) {
  if (PyUnicode_CheckExact(key)) {
    Py_ssize_t size = 0;
    if (const char* const text = PyUnicode_AsUTF8AndSize(key, &size); text != nullptr) {
      const std::string_view name(text, static_cast<std::size_t>(size));
      if (odd_keys_.empty() || odd_keys_.find(name) == odd_keys_.end()) return name;
    }
    PyErr_Clear();
  }
  // Neither ARTIQ nor HDF5 can store it under such a key. Its value is kept all the same.
  std::string name = text_of(key);
  for (int i = 2;; ++i) {
    const auto odd = odd_keys_.find(name);
    if (odd == odd_keys_.end() ? live_.find(name) == live_.end() && archived_.find(name) == archived_.end()
                               : PyObject_RichCompareBool(odd->second, key, Py_EQ) == 1)
      break;
    PyErr_Clear();
    name = text_of(key) + " (" + std::to_string(i) + ")";
  }
  if (odd_keys_.try_emplace(name, key).second) Py_INCREF(key);  // for good: there are few, if any
  odd_name_ = name;
  return odd_name_;
}

PyObject* Capture::set(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* const result = pass_on(manager_.set, args, count, names);
  // A failed one has left the datasets as they were.
  if (result == nullptr || mode_ == Mode::off) return result;
  guarded([&] {
    const auto [key, value, metadata, broadcast, persist, archive] = by_position(set_arguments, args, count, names);
    if (key == nullptr || value == nullptr) return;
    note_set(key, value, metadata, is_true(broadcast) || is_true(persist), is_true(persist), is_true(archive));
  });
  return result;
}

void Capture::note_set(PyObject* key, PyObject* value, PyObject* metadata, bool broadcast, bool persist, bool archive) {
  const std::string_view name = name_of(key);
  auto found = live_.find(name);
  if (found == live_.end()) found = live_.try_emplace(std::string(name)).first;
  Live& live = found->second;
  if (live.object.get() != value) live.object = Ref::share(value);
  if (live.metadata.get() != metadata) live.metadata = Ref::share(metadata);
  live.broadcast = broadcast;
  live.persist = persist;
  live.archive = archive;
  live.generation = 0;
  if (!storage_.empty())
    if (const auto options = storage_.find(name); options != storage_.end())
      live.storage = Ref::share(options->second.get());
  if (ready()) write_set(found->first, live);
}

PyObject* Capture::mutate(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  Live* live = nullptr;
  std::string_view name;
  std::optional<Region> region;
  std::optional<std::size_t> item;
  Print before = 0, header = 0;
  if (mode_ == Mode::on) {
    guarded([&] {
      const auto [key, index, value] = by_position(mutate_arguments, args, count, names);
      if (key == nullptr || index == nullptr) return;
      const auto found = live_.find(name_of(key));
      if (found == live_.end()) return;
      name = found->first;
      live = &found->second;
      header = live->header;
      if (live->generation != generation_) return;
      PyObject* const object = live->object.get();
      if (live->kind == Kind::array) {
        const auto elements = find_elements(object);
        if (!elements || live->header != header_print(object)) return;
        region = find_region(index, *elements);
        if (!region) return;
        if (!live->follows) {  // the first change since it was set: from now on a sum is kept
          if (array_print(*elements) != live->print) return region.reset();
          live->print = sum_print(*elements);
          live->follows = true;
        }
        before = sum_print(*elements, *region);
      } else if (live->kind == Kind::list) {
        item = find_item(index, PyList_GET_SIZE(object));
        if (item) before = mix(*item, item_print(PyList_GET_ITEM(object, static_cast<Py_ssize_t>(*item))));
      }
    });
  }
  PyObject* const result = pass_on(manager_.mutate, args, count, names);
  if (mode_ == Mode::off || mode_ == Mode::idle) return result;
  const KeepError error;  // a call that raised may have changed the value all the same
  guarded([&] {
    if (live == nullptr || !live->object) return;
    if (mode_ != Mode::on) {
      live->generation = 0;
      return;
    }
    if (!ready()) return;
    if (result == nullptr && (live->generation != generation_ || !is_edited(*live))) return;
    if (live->generation != generation_) return write_set(name, *live);
    if (region && header == live->header) return note_region(name, *live, *region, before);
    if (item) return note_list_item(name, *live, *item, before);
    write_replace(name, *live);
  });
  return result;
}

void Capture::note_region(std::string_view key, Live& live, const Region& region, Print before) {
  const auto elements = find_elements(live.object.get());
  if (!elements || live.header != header_print(live.object.get())) return write_replace(key, live);
  live.print += sum_print(*elements, region) - before;
  Shape counts;
  std::uint64_t bytes = elements->item_size;
  for (const auto count : region.count) {
    counts.push_back(static_cast<std::uint64_t>(count));
    bytes *= static_cast<std::uint64_t>(count);
  }
  if (bytes == 0) return;
  const std::byte* run = find_run(*elements, region);
  std::vector<std::byte> copied;
  std::array<std::byte, 64> small;
  if (run == nullptr) {
    std::byte* to = small.data();
    if (bytes > small.size()) {
      copied.resize(bytes);
      to = copied.data();
    }
    copy_region(*elements, region, to);
    run = to;
  }
  submit_to(key, live, bytes, [&](const Dataset& dataset) {
    if (bytes == elements->item_size)
      dataset.mutate_element(region.start, {run, bytes});
    else
      dataset.mutate(region, Value::array(live.type, counts, {run, bytes}));
  });
}

void Capture::note_list_item(std::string_view key, Live& live, std::size_t at, Print before) {
  PyObject* const list = live.object.get();
  if (static_cast<std::uint64_t>(PyList_GET_SIZE(list)) != live.count || at >= live.count)
    return write_replace(key, live);
  PyObject* const item = PyList_GET_ITEM(list, static_cast<Py_ssize_t>(at));
  live.print += mix(at, item_print(item)) - before;
  look_at_item(key, live, item);
  const auto write_number = [&](auto number) {
    submit_to(key, live, sizeof number, [&](const Dataset& dataset) { dataset.mutate_item(at, number); });
  };
  if (with_number(item, write_number)) return;
  const Guard keep(*this);
  const Value value = to_value(item, keep.get());
  submit_to(key, live, value.total_bytes(), [&](const Dataset& dataset) { dataset.mutate_item(at, value); });
}

PyObject* Capture::append_to(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* const result = pass_on(manager_.append_to, args, count, names);
  if (mode_ == Mode::off || mode_ == Mode::idle) return result;
  const KeepError error;
  guarded([&] {
    const auto [key, value] = by_position(append_arguments, args, count, names);
    if (key == nullptr) return;
    const auto found = live_.find(name_of(key));
    if (found == live_.end()) return;
    Live& live = found->second;
    if (!live.object) return;
    if (mode_ != Mode::on) {
      live.generation = 0;
      return;
    }
    if (!ready()) return;
    if (live.generation != generation_) return result == nullptr ? void() : write_set(found->first, live);
    note_append(found->first, live);
  });
  return result;
}

// What is new at the list's end: one item, or none if the call failed early, or two where the master's copy is the same
// object (artiq_run).
void Capture::note_append(std::string_view key, Live& live) {
  PyObject* const list = live.object.get();
  if (live.kind != Kind::list) {
    if (live.kind == Kind::other && is_edited(live)) write_replace(key, live);
    return;
  }
  const auto length = static_cast<std::uint64_t>(PyList_GET_SIZE(list));
  if (length < live.count) return write_replace(key, live);
  while (live.count < length) {
    PyObject* const item = PyList_GET_ITEM(list, static_cast<Py_ssize_t>(live.count));
    const std::uint64_t place = live.count++;
    live.print += mix(place, item_print(item));
    bool taken = true;
    const auto write_number = [&](auto number) {
      taken = submit_to(key, live, sizeof number, [&](const Dataset& dataset) { dataset.append(number); });
    };
    const Ref alive = Ref::share(item);
    look_at_item(key, live, item);
    if (!with_number(item, write_number)) {
      const Guard keep(*this);
      const Value value = to_value(item, keep.get());
      taken = submit_to(key, live, value.total_bytes(), [&](const Dataset& dataset) { dataset.append(value); });
    }
    if (!taken) return;
  }
}

PyObject* Capture::get(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* const result = pass_on(manager_.get, args, count, names);
  if (result == nullptr || mode_ == Mode::off) return result;
  const auto [key, archive] = by_position(get_arguments, args, count, names);
  if (key == nullptr || archive == nullptr || archive == Py_False) return result;
  guarded([&] {
    if (!is_true(archive) || dict_item(manager_.local.get(), key) != nullptr) return;
    if (dict_item(manager_.archive.get(), key) == result) note_archived(key, result);
  });
  return result;
}

void Capture::note_archived(PyObject* key, PyObject* value) {
  const std::string_view name = name_of(key);
  auto found = archived_.find(name);
  if (found == archived_.end()) found = archived_.try_emplace(std::string(name)).first;
  found->second.object = Ref::share(value);
  found->second.generation = 0;
  if (ready()) write_archived(found->first, found->second);
}

}  // namespace daybook::python
