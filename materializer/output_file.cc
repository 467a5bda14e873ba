#include "daybook/materializer/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <random>

#include "daybook/journal/crash_point.h"
#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_file_name = 255;
constexpr int max_links = 40;  // as the kernel
constexpr std::string_view suffix = ".part";
constexpr const char* untouched = "the previous file, if any, is untouched";

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

// What all temporary files of a target on this machine start with; long names are cut to leave room for the rest.
std::string common_prefix(const fs::path& target) {
  const std::string host = host_name();
  const std::size_t room = max_file_name - std::min<std::size_t>(host.size(), 64) - 48;
  return fmt::format(".{}.{}.", target.filename().string().substr(0, room), host.substr(0, 64));
}

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

// Removes what writers that were killed have left. A process number alone says little where containers share a host
// name, so the lock that a writer holds on its file has to be free, too.
void remove_stale(const fs::path& target) {
  const std::string prefix = common_prefix(target);
  std::error_code ignored;
  for (fs::directory_iterator entry(target.parent_path(), ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    long pid = 0;
    const auto parsed = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || *parsed.ptr != '.' || pid <= 0 || is_alive(static_cast<pid_t>(pid))) continue;
    const int descriptor = ::open(entry->path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

fs::path resolved(const fs::path& target) {
  std::error_code error;
  fs::path path = fs::absolute(target, error);
  std::error_code absent;  // by hand: the link may point to a file that is not there yet
  for (int links = 0; !error && links < max_links && fs::is_symlink(path, absent); ++links)
    path = path.parent_path() / fs::read_symlink(path, error);
  if (error) throw_errno(fmt::format("find the place of {}", target.string()), error.value());
  return path.lexically_normal();
}

void sync_directory(const fs::path& directory, const fs::path& file) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    throw_errno(fmt::format("open folder {} to make {} durable", directory.string(), file.string()), errno);
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (code != 0 && code != EINVAL)  // EINVAL: a file system without it
    throw_errno(fmt::format("sync folder {} after {} was put into place", directory.string(), file.string()), code);
}

}  // namespace

void remove_leftovers(const fs::path& target) { remove_stale(resolved(target)); }

OutputFile::OutputFile(const fs::path& target) : target_(resolved(target)) {
  struct stat status {};
  const fs::path folder = target_.parent_path();
  if (target_.filename().empty())
    throw StorageError(fmt::format("write {}: this names a folder, not a file", target.string()));
  if (::stat(folder.c_str(), &status) != 0)
    throw_errno(fmt::format("write {}: folder {}", target_.string(), folder.string()), errno);
  if (!S_ISDIR(status.st_mode))
    throw StorageError(fmt::format("write {}: {} is not a folder", target_.string(), folder.string()));
  if (::stat(target_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw StorageError(fmt::format("write {}: it is there and is no regular file", target_.string()));

  remove_stale(target_);
  std::random_device random;
  do {
    path_ = folder / fmt::format("{}{}.{:08x}{}", common_prefix(target_), ::getpid(), random(), suffix);
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0)
    throw_errno(fmt::format("make a temporary file for {} in {}", target_.string(), folder.string()), errno);
  crash_point("output.made");
  ::flock(descriptor_, LOCK_EX | LOCK_NB);  // a file system without locks: the process number has to do
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  close();
}

void OutputFile::close() noexcept {
  ::close(descriptor_);
  descriptor_ = -1;
}

std::uint64_t OutputFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_errno(fmt::format("look at {}", path_.string()), errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void OutputFile::commit() {
  crash_point("output.written");
  while (::fsync(descriptor_) != 0)
    if (errno != EINTR) throw_errno(fmt::format("sync the new {} ({})", target_.string(), untouched), errno);
  crash_point("output.synced");
  if (::rename(path_.c_str(), target_.c_str()) != 0)
    throw_errno(fmt::format("rename {} to {} ({})", path_.string(), target_.string(), untouched), errno);
  crash_point("output.renamed");
  close();
  sync_directory(target_.parent_path(), target_);
  crash_point("output.done");
}

}  // namespace daybook::detail
