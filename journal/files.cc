#include "daybook/journal/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <memory>
#include <mutex>
#include <vector>

#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

// Descriptors of writer locks, and the count of forks. A fork() in another thread must find the list whole, so the
// handlers take the mutex around it.
std::atomic<std::uint64_t> generation{0};
std::mutex locks_mutex;
std::vector<int> lock_descriptors;

void before_fork() { locks_mutex.lock(); }
void after_fork_in_parent() { locks_mutex.unlock(); }
void after_fork_in_child() {
  for (const int fd : lock_descriptors) ::close(fd);
  lock_descriptors.clear();
  generation.fetch_add(1, std::memory_order_relaxed);
  locks_mutex.unlock();
}

void watch_forks() {
  // A local static costs a load once it is made, where call_once costs a call.
  static const int watching = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  static_cast<void>(watching);
}

// Beyond any data, so that they can never meet a lock that somebody takes on the contents.
constexpr off_t writer_byte = off_t{1} << 62;
constexpr off_t recovery_byte = writer_byte + 1;

struct flock lock_of_byte(off_t byte, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

struct flock writer_lock(short type) {
  return lock_of_byte(writer_byte, type);
}

bool is_at(int fd, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  if (::fstat(fd, &opened) != 0 || ::stat(path.c_str(), &named) != 0) throw_errno("looking at " + quoted(path), errno);
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::string host_tag() {
  auto host = host_name();
  std::replace_if(
      host.begin(), host.end(), [](char c) { return c == '.' || c == '/'; }, '_');
  return host;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw_errno("opening " + quoted(path), errno);
  return FileDescriptor(fd);
}

void write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw_errno("writing " + quoted(path), put < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

std::size_t read_at(int fd, std::uint64_t offset, std::span<std::byte> out, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("reading " + quoted(path), errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void sync_file(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0) throw_errno("syncing " + quoted(path), errno);
}

void sync_data(int fd, const std::filesystem::path& path) {
  if (::fdatasync(fd) != 0) throw_errno("syncing " + quoted(path), errno);
}

void sync_directory(const std::filesystem::path& dir) {
  const auto file = open_file(dir.empty() ? "." : dir, O_RDONLY | O_DIRECTORY);
  // Some file systems (and FUSE ones) cannot sync a folder and say so; there is nothing more to be done on them.
  if (::fsync(file.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    throw_errno("syncing folder " + quoted(dir), errno);
}

void allocate(int fd, std::uint64_t bytes, const std::filesystem::path& path) {
  int code = 0;
  do {
    code = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (code == EINTR);
  if (code != 0) throw_errno("reserving " + std::to_string(bytes) + " bytes for " + quoted(path), code);
}

void rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno == EINVAL || errno == ENOSYS) {
    // A file system without the flag: look first. The names carry a run's number, so nobody races for them.
    if (!std::filesystem::exists(std::filesystem::symlink_status(to)) && ::rename(from.c_str(), to.c_str()) == 0)
      return;
    if (std::filesystem::exists(std::filesystem::symlink_status(to))) errno = EEXIST;
  }
  if (errno == EEXIST || errno == ENOTEMPTY) {
    throw InvalidError(quoted(to) + " exists already: choose another name or move it away");
  }
  throw_errno("renaming " + quoted(from) + " to " + quoted(to), errno);
}

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("removing " + quoted(path), errno);
}

void replace_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_errno("renaming " + quoted(from) + " to " + quoted(to), errno);
}

bool exchange_names(const std::filesystem::path& a, const std::filesystem::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  // EXDEV: an overlay whose lower layer holds one of the two.
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == EXDEV) return false;
  throw_errno("exchanging " + quoted(a) + " and " + quoted(b), errno);
}

namespace {

// What all names beside a target start with in processes of this machine. Long ones are cut: a name ends at 255 bytes.
std::string aside_prefix(const std::filesystem::path& target) {
  constexpr std::size_t longest_name = 255, longest_host = 64, rest = 48;
  const auto host = host_tag().substr(0, longest_host);
  return "." + target.filename().string().substr(0, longest_name - host.size() - rest) + "." + host + ".";
}

}  // namespace

std::filesystem::path aside_name(const std::filesystem::path& target) {
  std::array<char, 17> random{};
  std::to_chars(random.data(), random.data() + 16, random_bits(), 16);
  return target.parent_path() / (aside_prefix(target) + std::to_string(::getpid()) + "." + random.data() + ".part");
}

std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder) {
  // By hand: std::filesystem's iterator ends the process where it runs out of memory (libstdc++ 12).
  std::vector<std::filesystem::path> paths;
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, Close> open(::opendir(folder.c_str()));
  if (open == nullptr) return paths;
  while (const auto* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") paths.push_back(folder / name);
  }
  return paths;
}

void remove_abandoned(const std::filesystem::path& target) {
  const auto prefix = aside_prefix(target);
  const auto folder = target.parent_path().empty() ? std::filesystem::path(".") : target.parent_path();
  std::vector<std::filesystem::path> abandoned;
  for (const auto& path : paths_in(folder)) {
    const auto name = path.filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".part")) continue;
    int pid = 0;
    const auto* digits = name.data() + prefix.size();
    const auto parsed = std::from_chars(digits, name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || pid <= 0) continue;
    if (::kill(pid, 0) != 0 && errno == ESRCH) abandoned.push_back(path);
  }
  std::error_code error;
  for (const auto& path : abandoned) std::filesystem::remove_all(path, error);
}

bool is_nearly_full(const std::filesystem::path& dir) {
  constexpr std::uint64_t largest_commit = std::uint64_t{32} << 20;
  struct statvfs info {};
  if (::statvfs(dir.empty() ? "." : dir.c_str(), &info) != 0) return false;
  struct rlimit limit {};
  const bool limited = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return std::uint64_t{info.f_bavail} * info.f_frsize < largest_commit || limited;
}

std::string network_file_system(const std::filesystem::path& dir) {
  struct statfs info {};
  if (::statfs(dir.empty() ? "." : dir.c_str(), &info) != 0) return {};
  switch (static_cast<std::uint32_t>(info.f_type)) {
    case NFS_SUPER_MAGIC:
      return "NFS";
    case SMB_SUPER_MAGIC:
    case 0xFF534D42U:  // CIFS_MAGIC_NUMBER
    case 0xFE534D42U:  // SMB2_MAGIC_NUMBER
      return "SMB";
    case AFS_SUPER_MAGIC:
      return "AFS";
    case CODA_SUPER_MAGIC:
      return "Coda";
    case 0x00C36400U:  // CEPH_SUPER_MAGIC
      return "Ceph";
    case V9FS_MAGIC:
      return "9P";
    default:
      return {};
  }
}

std::string host_name() {
  struct utsname name {};
  return ::uname(&name) == 0 ? name.nodename : "";
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  while (::getrandom(&bits, sizeof bits, 0) != sizeof bits) {
    if (errno != EINTR) throw_errno("asking the system for random bits", errno);
  }
  return bits;
}

bool WriterLock::is_held(const std::filesystem::path& data_file) {
  const auto file = open_file(data_file, O_RDONLY);
  auto lock = writer_lock(F_WRLCK);
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0) throw_errno("asking for the lock on " + quoted(data_file), errno);
  return lock.l_type != F_UNLCK;
}

WriterLock::WriterLock(const std::filesystem::path& data_file) {
  watch_forks();
  const std::lock_guard guard(locks_mutex);
  do {
    file_ = open_file(data_file, O_RDWR);
    auto lock = writer_lock(F_WRLCK);
    if (::fcntl(file_.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) {
        throw BusyError(quoted(data_file.parent_path()) +
                        " is being written by another writer: wait until it has ended");
      }
      throw_errno("locking " + quoted(data_file), errno);
    }
    // Between opening and locking the journal may have been compacted: then the lock is on a file that is gone.
  } while (!is_at(file_.get(), data_file));
  lock_descriptors.push_back(file_.get());
}

WriterLock::~WriterLock() {
  const std::lock_guard guard(locks_mutex);
  if (!file_.is_open()) return;
  // In a forked child the list is empty and the descriptor closed long ago: its number may be another file's by now.
  if (std::erase(lock_descriptors, file_.get()) == 0) file_.release();
}

FileDescriptor wait_for_recovery_lock(const std::filesystem::path& data_file) {
  FileDescriptor file(::open(data_file.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == EROFS || errno == EACCES) return file;
    throw_errno("opening " + quoted(data_file), errno);
  }
  auto lock = lock_of_byte(recovery_byte, F_WRLCK);
  while (::fcntl(file.get(), F_OFD_SETLKW, &lock) != 0)
    if (errno != EINTR) throw_errno("locking " + quoted(data_file), errno);
  return file;
}

std::uint64_t fork_generation() {
  watch_forks();
  return generation.load(std::memory_order_relaxed);
}

}  // namespace daybook::detail
