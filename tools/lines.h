#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// The lines of a file or of standard input ("-"), of any length. A signal during a read ends it early: see `stop`.
class LineReader {
 public:
  // StorageError if it cannot be opened. `stop`: looked at when a signal has interrupted a read.
  LineReader(const std::string& path, bool (*stop)());
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its newline, good until the next call. Empty at the end, or once stop() says so.
  std::optional<std::string_view> next();

  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }  // 0: not known

 private:
  bool fill();  // false at the end

  std::string path_;
  bool (*stop_)();
  int fd_ = -1;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // the part of the buffer that was not handed out
  bool at_end_ = false;
  std::uint64_t bytes_read_ = 0, bytes_total_ = 0;
};

}  // namespace daybook
