// What Capture journals of a live object, and how it finds that one was edited in place.

#include <algorithm>
#include <vector>

#include "arrays.h"
#include "capture_submit.h"
#include "daybook/materializer/replay.h"

namespace daybook::python {
namespace {

bool is_fixed(PyObject* object) {
  if (PyFloat_CheckExact(object) || PyLong_CheckExact(object) || PyBool_Check(object) || PyUnicode_CheckExact(object) ||
      PyBytes_CheckExact(object) || PyComplex_CheckExact(object) || object == Py_None)
    return true;
  return is_numpy_number(object);
}

bool is_plain_run(const Value& run) {
  return (run.form() == Form::scalar || run.form() == Form::array) && run.type().is_number();
}

// A value that HDF5 can hold without a second look.
bool is_plain(const Value& value) {
  const bool number = value.type().is_number();
  switch (value.form()) {
    case Form::scalar:
    case Form::array:
      return number;
    case Form::list:
      return value.runs().empty() || (value.runs().size() == 1 && is_plain_run(value.runs().front()));
    default:
      return false;
  }
}

// Attributes of a dict, borrowing from it and from `keep`.
void take_attributes(PyObject* dict, Keep& keep, std::vector<Attribute>& out) {
  if (dict == nullptr || !PyDict_Check(dict)) return;
  PyObject *name = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &name, &value) != 0) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, &size) : nullptr;
    if (text == nullptr) {
      PyErr_Clear();
      continue;
    }
    out.push_back({{text, static_cast<std::size_t>(size)}, to_value(value, keep)});
  }
}

}  // namespace

// Journals the live value by `append`; if the format cannot say it, a note of it.
template <class Append>
void Capture::write_value(std::string_view key, Live& live, Keep& keep, const Append& append, bool hashes) {
  const Ref alive = Ref::share(live.object.get());
  const Value value = to_value(alive.get(), keep);
  live.generation = generation_;
  // What is journaled of a large array is hashed there. Until then it has no print: whoever looks meanwhile, while we wait
  // without the GIL, has to take it for edited.
  constexpr std::uint64_t one_record = std::uint64_t{15} << 20;
  // Not of a copy: strided elements are gathered, and texts turned into UTF-8.
  const auto elements = find_elements(alive.get());
  const bool in_place = value.form() == Form::array && value.is_contiguous() && value.byte_size() != 0 && elements &&
                        elements->contiguous && value.bytes().data() == elements->data;
  remember(live, value, !(hashes && in_place && value.byte_size() < one_record));
  const auto version = live.version;
  std::optional<Print> hash;
  bool journaled = false;
  try {
    journaled = append(value, hash);
  } catch (const InvalidError& e) {
    remember(live, value, true);
    hash.reset();
    journaled = append(Value::unstorable(Py_TYPE(alive.get())->tp_name, e.what()), hash);
  }
  if (hash && in_place && live.version == version) live.print = *hash;
  if (!journaled) live.generation = 0;
  look_at(key, live, value);
}

// Most calls set a number without metadata.
bool Capture::write_number(std::string_view key, Live& live) {
  PyObject* const metadata = live.metadata.get();
  const bool plain =
      metadata == nullptr || metadata == Py_None || (PyDict_Check(metadata) && PyDict_GET_SIZE(metadata) == 0);
  if (!plain || live.storage) return false;
  return with_number(live.object.get(), [&](auto number) {
    live.kind = Kind::fixed;
    live.generation = generation_;
    ++live.version;
    SetOptions options;
    options.broadcast = live.broadcast;
    options.persist = live.persist;
    options.archive = live.archive;
    if (!submit_to(key, live, sizeof number, [&](const Dataset& dataset) { dataset.set(number, options); }))
      live.generation = 0;
  });
}

void Capture::write_set(std::string_view key, Live& live) {
  if (write_number(key, live)) return;
  const Guard keep(*this);
  SetOptions options;
  options.broadcast = live.broadcast;
  options.persist = live.persist;
  options.archive = live.archive;
  take_attributes(live.metadata.get(), keep.get(), options.metadata);
  take_attributes(live.storage.get(), keep.get(), options.storage);
  write_value(
      key, live, keep.get(),
      [&](const Value& value, std::optional<Print>& hash) {
        return submit_to(key, live, value.total_bytes(),
                         [&](const Dataset& dataset) { dataset.set(value, options, hash); });
      },
      true);
}

void Capture::write_replace(std::string_view key, Live& live) {
  const Guard keep(*this);
  write_value(key, live, keep.get(), [&](const Value& value, std::optional<Print>& /*none*/) {
    return submit_to(key, live, value.total_bytes(), [&](const Dataset& dataset) { dataset.replace(value); });
  });
}

void Capture::write_archived(std::string_view key, Live& live) {
  const Guard keep(*this);
  write_value(key, live, keep.get(), [&](const Value& value, std::optional<Print>& /*none*/) {
    return submit(value.total_bytes(), [&](Journal& journal) { journal.archive(key, value); });
  });
}

void Capture::remember(Live& live, const Value& value, bool print) {
  PyObject* const object = live.object.get();
  ++live.version;
  live.follows = false;
  live.content = 0;
  live.looks = 0;
  if (is_fixed(object)) {
    live.kind = Kind::fixed;
  } else if (PyList_CheckExact(object)) {
    live.kind = Kind::list;
    live.count = static_cast<std::uint64_t>(PyList_GET_SIZE(object));
    live.print = list_print(object);
    if (live.count != 0) live.content = content_of(PyList_GET_ITEM(object, 0));
  } else if (const auto elements = find_elements(object); elements && value.form() == Form::array) {
    live.kind = Kind::array;
    live.print = print || !elements->contiguous ? array_print(*elements) : no_print;
    live.header = header_print(object);
    live.type = value.type();
  } else {
    live.kind = Kind::other;
    live.print = value_print(value);
  }
}

bool Capture::is_edited(const Live& live) const {
  PyObject* const object = live.object.get();
  switch (live.kind) {
    case Kind::fixed:
      return false;
    case Kind::list:
      return static_cast<std::uint64_t>(PyList_GET_SIZE(object)) != live.count || list_print(object) != live.print;
    case Kind::array: {
      const auto elements = find_elements(object);
      if (!elements || header_print(object) != live.header) return true;
      return (live.follows ? sum_print(*elements) : array_print(*elements)) != live.print;
    }
    case Kind::other: {
      Keep keep;
      return value_print(to_value(object, keep)) != live.print;
    }
  }
  return true;
}

// Roughly what an item of a list is: items of one content make a list that HDF5 can hold.
std::uint8_t Capture::content_of(PyObject* item) {
  if (PyFloat_CheckExact(item) || PyLong_CheckExact(item) || PyBool_Check(item) || is_numpy_number(item)) return 1;
  if (PyUnicode_CheckExact(item)) return 2;
  if (PyBytes_CheckExact(item)) return 3;
  return 255;
}

void Capture::look_at(std::string_view key, Live& live, const Value& value) {
  if (live.warned || !live.archive || is_plain(value)) return;
  try {
    if (value.form() == Form::unstorable)
      warn(key, live, "a value of type " + std::string(value.python_type()));
    else
      static_cast<void>(to_stored(value));
  } catch (const InvalidError& e) {
    warn(key, live, e.what());
  }
}

void Capture::look_at_item(std::string_view key, Live& live, PyObject* item) {
  const std::uint8_t content = content_of(item);
  if (live.content == 0) live.content = content;
  if (content == live.content && content == 1) return;
  if (live.warned || !live.archive) return;
  // Text with a NUL in it, arrays of unequal shapes, numbers among text: the whole list says. A long one is looked at when
  // it has doubled.
  const bool seldom = live.looks > 8 && (live.count & (live.count - 1)) != 0;
  if (content == live.content && (content == 2 || content == 3)) {
    Keep keep;
    const Value value = to_value(item, keep);
    return look_at(key, live, value);
  }
  if (seldom) return;
  if (live.looks < 255) ++live.looks;
  Keep keep;
  look_at(key, live, to_value(live.object.get(), keep));
}

void Capture::warn(std::string_view key, Live& live, std::string_view reason) {
  live.warned = true;
  const auto text = [](std::string_view from) {
    return Ref::own(PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()), "replace"));
  };
  const Ref name = text(key), why = text(reason);
  PyObject* const result =
      name && why ? PyObject_CallFunctionObjArgs(session_.unstorable.get(), name.get(), why.get(), nullptr) : nullptr;
  if (result == nullptr) throw pybind11::error_already_set();
  Py_DECREF(result);
}

std::uint64_t Capture::reconcile() {
  std::uint64_t changed = 0;
  guarded([&] {
    const bool anything = PyDict_GET_SIZE(manager_.local.get()) != 0 || PyDict_GET_SIZE(manager_.archive.get()) != 0;
    if (mode_ == Mode::idle && !anything) return;
    if (!ready()) return;
    changed += reconcile_all(manager_.local.get(), live_, false);
    changed += reconcile_all(manager_.archive.get(), archived_, true);
  });
  return changed;
}

bool Capture::is_current() const {
  for (const auto* known : {&live_, &archived_})
    for (const auto& [name, live] : *known)
      if (live.object && (live.generation != generation_ || is_edited(live))) return false;
  return true;
}

std::uint64_t Capture::reconcile_all(PyObject* values, LiveByKey& known, bool archived) {
  std::uint64_t changed = 0;
  const Ref items = Ref::own(PyDict_Items(values));  // the dict may change while the GIL is given up
  if (!items) throw pybind11::error_already_set();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()) && mode_ == Mode::on; ++i) {
    PyObject* const pair = PyList_GET_ITEM(items.get(), i);
    PyObject* const key = PyTuple_GET_ITEM(pair, 0);
    PyObject* const value = PyTuple_GET_ITEM(pair, 1);
    const std::string_view name = name_of(key);
    auto found = known.find(name);
    const bool unknown = found == known.end();
    if (unknown) found = known.try_emplace(std::string(name)).first;
    Live& live = found->second;
    const bool other = live.object.get() != value || !live.archive;
    if (other) live.object = Ref::share(value);
    if (unknown && !archived) live.metadata = Ref::share(PyDict_GetItemWithError(manager_.metadata.get(), key));
    if (PyErr_Occurred() != nullptr) PyErr_Clear();
    live.archive = true;
    const bool stale = live.generation != generation_;
    if (!other && !stale && !is_edited(live)) continue;
    ++changed;
    if (!stale && !other) ++edits_;
    if (archived)
      write_archived(found->first, live);
    else if (stale || other)
      write_set(found->first, live);
    else
      write_replace(found->first, live);
  }
  if (archived) return changed;  // nothing ever leaves the archive
  std::vector<std::string> gone;
  for (const auto& [name, live] : known) {
    if (!live.archive || live.generation != generation_ || mode_ != Mode::on) continue;
    const auto odd = odd_keys_.find(name);
    const Ref key = odd != odd_keys_.end()
                        ? Ref::share(odd->second)
                        : Ref::own(PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size())));
    if (!key) throw pybind11::error_already_set();
    if (PyDict_GetItemWithError(values, key.get()) == nullptr) gone.push_back(name);
    if (PyErr_Occurred() != nullptr) PyErr_Clear();
  }
  for (const std::string& name : gone) {
    submit(0, [&](Journal& journal) { journal.remove(name); });
    Live& live = known.find(name)->second;  // stays: another thread may be in a call that looks at it
    live.object = Ref();
    live.archive = false;
    live.generation = 0;
    ++changed;
  }
  return changed;
}

void Capture::set_storage(PyObject* key, PyObject* options) {
  const std::string name(name_of(key));
  if (options == nullptr || options == Py_None)
    storage_.erase(name);
  else
    storage_.insert_or_assign(name, Ref::share(options));
  const auto found = live_.find(name);
  if (found == live_.end()) return;
  // Options stand in a `set`: the value once more.
  found->second.storage = options == Py_None ? Ref() : Ref::share(options);
  if (mode_ == Mode::on && found->second.generation == generation_)
    guarded([&] { write_set(found->first, found->second); });
}

}  // namespace daybook::python
