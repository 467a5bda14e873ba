#pragma once

#include <Python.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daybook/journal/journal.h"
#include "fingerprint.h"
#include "value_in.h"

namespace daybook::python {

// An owned reference.
class Ref {
 public:
  Ref() = default;
  static Ref own(PyObject* object) { return Ref(object); }
  static Ref share(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }
  [[nodiscard]] PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  [[nodiscard]] PyObject* release() {
    PyObject* const object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

// The calls of ARTIQ's DatasetManager, each passed on to the real manager and journaled with what it came to: the event
// says what the live object holds after the call, so what NumPy does with an index or a value is resolved here, once.
//
// All of it is called with the GIL, which is what keeps its own state whole; a call that may wait for the disk gives the
// GIL up for that time. Nothing that goes wrong here reaches the experiment: it is told to `fault`, and from then on the
// calls are passed on alone until somebody attaches a journal again. What was set meanwhile is then journaled afresh.
class Capture {
 public:
  // The manager's own methods, unbound, and its dictionaries; `manager` is referred to weakly, everything else is held.
  struct Manager {
    Ref manager;  // weakref.ref
    Ref set, mutate, append_to, get;
    Ref local, archive, metadata;
  };
  // Callables of the session: begin() attaches a journal if one can be had, stage() journals the stage that has begun,
  // fault(text) hears that journaling has stopped, unstorable(key, reason) that a value is not for HDF5.
  struct Session {
    Ref begin, stage, fault, unstorable;
  };
  Capture(Manager manager, Session session);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture();

  // As vectorcall: the real call's result or exception.
  PyObject* set(PyObject* const* args, Py_ssize_t count, PyObject* names);
  PyObject* mutate(PyObject* const* args, Py_ssize_t count, PyObject* names);
  PyObject* append_to(PyObject* const* args, Py_ssize_t count, PyObject* names);
  PyObject* get(PyObject* const* args, Py_ssize_t count, PyObject* names);

  enum class Mode : std::uint8_t {
    idle,   // no journal yet: the first call that has something to say begins one
    on,     // journaling
    fault,  // it did not work: calls are passed on
    off,    // for good (no run, a forked child)
  };
  [[nodiscard]] Mode mode() const { return mode_; }
  void attach(Journal journal);  // everything live is stale: see freshen()
  void detach(Mode mode);        // closes what is there; the live state is remembered
  [[nodiscard]] std::shared_ptr<Journal> journal() const { return journal_; }
  void expect_stage() { stage_expected_ = true; }  // call stage() before the next event

  // Journals what is live and not as the journal has it: what an attached journal does not know yet, what was edited in
  // place, what left the manager's dictionaries. How many values that were.
  std::uint64_t reconcile();
  // What is live is as the newest journal has it, which may be closed by now.
  [[nodiscard]] bool is_current() const;
  // With every later `set` of the key. Names as h5py's create_dataset; null: none.
  void set_storage(PyObject* key, PyObject* options);
  [[nodiscard]] std::uint64_t edits() const { return edits_; }  // in-place edits found so far

 private:
  enum class Kind : std::uint8_t {
    fixed,  // cannot be edited in place
    list,
    array,
    other,  // anything else: journaled whole again when it changes
  };
  struct Live {
    Ref object;
    Ref metadata;  // dict or null
    Ref storage;   // dict or null
    Kind kind = Kind::fixed;
    bool broadcast = false, persist = false, archive = true;
    bool follows = false;          // array: `print` is a sum, which follows changes
    bool warned = false;           // that HDF5 cannot hold it
    std::uint8_t content = 0;      // list: what its items are, roughly; see content_of()
    std::uint8_t looks = 0;        // how often a list of mixed content was looked at
    std::uint64_t generation = 0;  // of the journal that has it; other than the present one: stale
    std::uint64_t count = 0;       // list: items journaled
    std::uint64_t version = 0;     // counts what was remembered of it
    Print print = 0, header = 0;
    Type type;
    std::optional<Dataset> dataset;  // of the journal of this generation:
    std::uint64_t dataset_generation = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using LiveByKey = std::unordered_map<std::string, Live, Hash, std::equal_to<>>;
  class Guard;

  PyObject* pass_on(const Ref& method, PyObject* const* args, Py_ssize_t count, PyObject* names);
  [[nodiscard]] bool ready();  // a journal is there, or was made now
  template <class Work>
  void guarded(const Work& work) noexcept;  // nothing that is thrown in it goes further
  void stop(const char* why) noexcept;

  void note_set(PyObject* key, PyObject* value, PyObject* metadata, bool broadcast, bool persist, bool archive);
  void note_append(std::string_view key, Live& live);
  void note_list_item(std::string_view key, Live& live, std::size_t at, Print before);
  void note_region(std::string_view key, Live& live, const Region& region, Print before);
  void note_archived(PyObject* key, PyObject* value);

  template <class Append>
  void write_value(std::string_view key, Live& live, Keep& keep, const Append& append, bool hashes = false);
  bool write_number(std::string_view key, Live& live);  // false: it is none, or has metadata
  void write_set(std::string_view key, Live& live);
  void write_replace(std::string_view key, Live& live);
  void write_archived(std::string_view key, Live& live);
  // Kind, print, count, as of this moment; `print`: false leaves the print of a contiguous array out.
  void remember(Live& live, const Value& value, bool print = true);
  [[nodiscard]] bool is_edited(const Live& live) const;
  void look_at(std::string_view key, Live& live, const Value& value);  // warns of what HDF5 cannot hold
  void look_at_item(std::string_view key, Live& live, PyObject* item);
  void warn(std::string_view key, Live& live, std::string_view reason);
  std::uint64_t reconcile_all(PyObject* values, LiveByKey& known, bool archived);

  // append(Journal&), which may wait for the disk only without the GIL. False: it did not work, and journaling has stopped.
  template <class Append>
  bool submit(std::uint64_t bytes, const Append& append);
  // The same for append(const Dataset&).
  template <class Append>
  bool submit_to(std::string_view key, Live& live, std::uint64_t bytes, const Append& append);

  // The text that a key is journaled under: itself if it is a str, else what str() makes of it.
  std::string_view name_of(PyObject* key);
  static std::uint8_t content_of(PyObject* item);

  Manager manager_;
  Session session_;
  std::shared_ptr<Journal> journal_;  // shared with calls that have given the GIL up
  Mode mode_ = Mode::idle;
  bool stage_expected_ = false;
  bool beginning_ = false;
  std::uint64_t generation_ = 0;
  std::uint64_t edits_ = 0;
  LiveByKey live_, archived_;
  std::unordered_map<std::string, Ref, Hash, std::equal_to<>> storage_;
  std::unordered_map<std::string, PyObject*, Hash, std::equal_to<>> odd_keys_;  // names that are not their key itself
  std::string odd_name_;
  Keep keep_;
  bool keep_taken_ = false;  // by a call that has given the GIL up
};

}  // namespace daybook::python
