#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace daybook {

// Base of everything Daybook throws. The message is one line: what was attempted, on which file, run, key or sequence
// number, why it failed and what to do. The derived type says which reaction fits; Python sees each with the built-in
// exception in parentheses as a second base.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string message) : std::runtime_error(message), text_(std::move(message)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

  // Puts `where` in front, for the callers on the way up that know more: catch (Error& e) { e.add_context(…); throw; }
  void add_context(std::string_view where) { text_.insert(0, ": ").insert(0, where); }

 private:
  std::string text_;
};

// The caller broke a documented rule; nothing was recorded or written. (ValueError)
struct InvalidError : Error {
  using Error::Error;
};

// The value asked for was dropped by the journal's retention (docs/retention.md): the event is known, its bytes are
// gone. Ask for a later point, or for a checkpoint. (ValueError)
struct ElidedError : InvalidError {
  using InvalidError::InvalidError;
};

// Bytes on disk break the format: see `daybook verify`.
struct CorruptError : Error {
  using Error::Error;
};

// A newer format, a foreign file, an unknown transform.
struct UnsupportedError : Error {
  using Error::Error;
};

// Another process holds it: wait and retry. (BlockingIOError)
struct BusyError : Error {
  using Error::Error;
};

// Disk full, I/O error, LMDB or HDF5 refused. (OSError)
struct StorageError : Error {
  explicit StorageError(std::string message, int code = 0) : Error(std::move(message)), code(code) {}
  int code;  // the errno value behind it; 0: there is none
};

// No room: disk, quota or memory is full. Nothing is damaged, and the same call works again once there is room. (OSError)
struct FullError : StorageError {
  using StorageError::StorageError;
};

// Throws StorageError "DOING: strerror(code)"; `code` is an errno value. Names the remedy where there is an obvious one.
[[noreturn]] void throw_errno(std::string_view doing, int code);

}  // namespace daybook
