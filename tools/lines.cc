#include "tools/lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daybook/journal/error.h"

namespace daybook {
namespace {

constexpr std::size_t first_buffer = std::size_t{1} << 20;

}  // namespace

LineReader::LineReader(const std::string& path, bool (*stop)()) : path_(path), stop_(stop), buffer_(first_buffer) {
  fd_ = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw_errno("opening the trace '" + path + "'", errno);
  struct stat status {};
  if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) bytes_total_ = static_cast<std::uint64_t>(status.st_size);
}

LineReader::~LineReader() {
  if (fd_ > STDIN_FILENO) close(fd_);
}

std::optional<std::string_view> LineReader::next() {
  std::size_t searched = 0;
  for (;;) {
    const char* const from = buffer_.data() + begin_;
    const void* const newline = std::memchr(from + searched, '\n', end_ - begin_ - searched);
    if (newline != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - from);
      begin_ += length + 1;
      return std::string_view(from, length);
    }
    searched = end_ - begin_;
    if (fill()) continue;
    if (begin_ == end_ || stop_()) return std::nullopt;
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_;
    return rest;
  }
}

bool LineReader::fill() {
  if (at_end_) return false;
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  for (;;) {
    if (stop_()) return false;
    const ssize_t got = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("reading the trace '" + path_ + "'", errno);
    at_end_ = got == 0;
    end_ += static_cast<std::size_t>(got);
    bytes_read_ += static_cast<std::uint64_t>(got);
    return got > 0;
  }
}

}  // namespace daybook
