// The wrappers: each asks what is to become of the call, makes it, and writes down what it did. They are found before the
// C library's because they stand in the program. Calls have two names each, with and without the large-file suffix.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "crash/watching.h"

using daybook::crash::Call;
using daybook::crash::EntryHeader;
using daybook::crash::What;
using namespace daybook::crash::detail;

namespace {

// The C library's function of this name.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void end_if(const Verdict& verdict) {
  if (verdict.kill_after) ::kill(::getpid(), SIGKILL);
}

EntryHeader entry(What what, std::uint64_t file = 0, std::uint64_t at = 0) {
  EntryHeader header;
  header.what = what;
  header.file = file;
  header.at = at;
  return header;
}

int fail(const Verdict& verdict) {
  errno = verdict.error;
  return -1;
}

std::uint64_t inode(const char* path) {
  struct stat info {};
  return ::lstat(path, &info) == 0 ? info.st_ino : 0;
}

int open_call(int folder, const char* path, int flags, unsigned mode) {
  static auto* const call = real<int(int, const char*, int, ...)>("openat");
  Turn turn;
  std::array<char, 4096> room{};
  const char* name = turn.watching() ? below(folder, path, room.data(), room.size()) : nullptr;
  if (name == nullptr) return call(folder, path, flags, mode);
  const auto verdict = turn.ask(Call::open);
  if (verdict.error != 0) return fail(verdict);
  struct stat before {};
  const bool existed = ::fstatat(folder, path, &before, 0) == 0;
  const int descriptor = call(folder, path, flags, mode);
  const int code = errno;
  struct stat info {};
  if (descriptor >= 0 && ::fstat(descriptor, &info) == 0) {
    watched(descriptor) = {info.st_ino, (flags & O_DSYNC) != 0, S_ISDIR(info.st_mode), true};
    if (!existed) turn.add(entry(What::make, info.st_ino), name);
    if (existed && (flags & O_TRUNC) != 0) turn.add(entry(What::resize, info.st_ino, 0));
  }
  end_if(verdict);
  errno = code;
  return descriptor;
}

// A write at `offset` by `call`, of which `bytes` are wanted.
template <class Write>
ssize_t write_call(int descriptor, std::uint64_t offset, const iovec* pieces, int count, const Write& call) {
  Turn turn;
  if (!turn.watching() || !watched(descriptor).exists) return call(pieces, count);
  const auto verdict = turn.ask(Call::write);
  if (verdict.error != 0) return fail(verdict);
  std::array<iovec, 1> half{pieces[0]};
  if (verdict.cut_short) {
    half[0].iov_len = std::max<std::size_t>(1, half[0].iov_len / 2);
    pieces = half.data();
    count = 1;
  }
  const auto done = call(pieces, count);
  const int code = errno;
  auto left = static_cast<std::size_t>(std::max<ssize_t>(done, 0));
  for (int i = 0; i < count && left != 0; ++i) {
    const auto part = std::min(left, pieces[i].iov_len);
    auto header = entry(What::write, watched(descriptor).file, offset);
    header.forced = watched(descriptor).forced;
    header.data = static_cast<std::uint32_t>(part);
    turn.add(header, "", "", pieces[i].iov_base);
    offset += part;
    left -= part;
  }
  end_if(verdict);
  errno = code;
  return done;
}

std::uint64_t position(int descriptor) {
  const auto at = ::lseek(descriptor, 0, SEEK_CUR);
  return at < 0 ? 0 : static_cast<std::uint64_t>(at);
}

ssize_t pwrite_call(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  static auto* const call = real<ssize_t(int, const void*, std::size_t, off_t)>("pwrite64");
  const iovec piece{const_cast<void*>(bytes), size};
  return write_call(descriptor, static_cast<std::uint64_t>(offset), &piece, 1, [&](const iovec* pieces, int) {
    return call(descriptor, pieces->iov_base, pieces->iov_len, offset);
  });
}

ssize_t pwritev_call(int descriptor, const iovec* pieces, int count, off_t offset) {
  static auto* const call = real<ssize_t(int, const iovec*, int, off_t)>("pwritev64");
  return write_call(descriptor, static_cast<std::uint64_t>(offset), pieces, count,
                    [&](const iovec* wanted, int number) { return call(descriptor, wanted, number, offset); });
}

template <class Read>
ssize_t read_call(int descriptor, std::size_t size, const Read& call) {
  Turn turn;
  if (!turn.watching() || !watched(descriptor).exists) return call(size);
  const auto verdict = turn.ask(Call::read);
  if (verdict.error != 0) return fail(verdict);
  return call(verdict.cut_short ? std::max<std::size_t>(1, size / 2) : size);
}

template <class Resize>
int resize_call(int descriptor, std::uint64_t size, bool grows_only, bool returns_code, const Resize& call) {
  Turn turn;
  if (!turn.watching() || !watched(descriptor).exists) return call();
  const auto verdict = turn.ask(Call::resize);
  if (verdict.error != 0) return returns_code ? verdict.error : fail(verdict);
  struct stat before {};
  ::fstat(descriptor, &before);
  const int result = call();
  const int code = errno;
  if (result == 0 && (!grows_only || size > static_cast<std::uint64_t>(before.st_size)))
    turn.add(entry(What::resize, watched(descriptor).file, size));
  end_if(verdict);
  errno = code;
  return result;
}

template <class Sync>
int sync_call(int descriptor, const Sync& call) {
  Turn turn;
  if (!turn.watching() || !watched(descriptor).exists) return call();
  const auto verdict = turn.ask(Call::sync);
  if (verdict.error != 0) return fail(verdict);
  const int result = call();
  const int code = errno;
  const auto& one = watched(descriptor);
  if (result == 0) turn.add(entry(one.folder ? What::sync_folder : What::sync, one.file));
  end_if(verdict);
  errno = code;
  return result;
}

template <class Rename>
int rename_call(const char* from, const char* to, const Rename& call) {
  Turn turn;
  const char* old_name = turn.watching() ? below(from) : nullptr;
  const char* new_name = turn.watching() ? below(to) : nullptr;
  if (old_name == nullptr || new_name == nullptr) return call();
  const auto verdict = turn.ask(Call::rename);
  if (verdict.error != 0) return fail(verdict);
  const auto file = inode(from);
  const int result = call();
  const int code = errno;
  if (result == 0) turn.add(entry(What::rename, file), old_name, new_name);
  end_if(verdict);
  errno = code;
  return result;
}

int unlink_call(int folder, const char* path, int flags) {
  static auto* const call = real<int(int, const char*, int)>("unlinkat");
  Turn turn;
  std::array<char, 4096> room{};
  const char* name = turn.watching() ? below(folder, path, room.data(), room.size()) : nullptr;
  if (name == nullptr) return call(folder, path, flags);
  const auto verdict = turn.ask(Call::unlink);
  if (verdict.error != 0) return fail(verdict);
  const int result = call(folder, path, flags);
  const int code = errno;
  if (result == 0) turn.add(entry(What::unlink), name);
  end_if(verdict);
  errno = code;
  return result;
}

void* map_call(void* at, std::size_t bytes, int protection, int flags, int descriptor, off_t offset) {
  static auto* const call = real<void*(void*, std::size_t, int, int, int, off_t)>("mmap64");
  Turn turn;
  // The ring's address space is asked for without a file: it counts, too.
  const bool room = (flags & (MAP_ANONYMOUS | MAP_NORESERVE)) == (MAP_ANONYMOUS | MAP_NORESERVE);
  if (!turn.watching() || (!room && !watched(descriptor).exists))
    return call(at, bytes, protection, flags, descriptor, offset);
  const auto verdict = turn.ask(Call::map);
  if (verdict.error != 0) {
    errno = verdict.error;
    return MAP_FAILED;
  }
  void* placed = call(at, bytes, protection, flags, descriptor, offset);
  const int code = errno;
  if (placed != MAP_FAILED && !room && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0)
    mapped(placed, bytes, watched(descriptor).file, static_cast<std::uint64_t>(offset));
  end_if(verdict);
  errno = code;
  return placed;
}

unsigned mode_of(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
}

}  // namespace

#pragma GCC visibility push(default)

extern "C" {

#define OPEN_WRAPPER(name, folder, declared)            \
  int name(declared const char* path, int flags, ...) { \
    std::va_list arguments;                             \
    va_start(arguments, flags);                         \
    const auto mode = mode_of(flags, arguments);        \
    va_end(arguments);                                  \
    return open_call(folder, path, flags, mode);        \
  }
#define NO_FOLDER
#define ONE_FOLDER int folder,
OPEN_WRAPPER(open, AT_FDCWD, NO_FOLDER)
OPEN_WRAPPER(open64, AT_FDCWD, NO_FOLDER)
OPEN_WRAPPER(openat, folder, ONE_FOLDER)
OPEN_WRAPPER(openat64, folder, ONE_FOLDER)

int close(int descriptor) {
  static auto* const call = real<int(int)>("close");
  Turn turn;
  if (turn.watching()) {
    turn.look_at_maps();
    watched(descriptor) = {};
  }
  return call(descriptor);
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return pwrite_call(descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  return pwrite_call(descriptor, bytes, size, offset);
}
ssize_t pwritev(int descriptor, const iovec* pieces, int count, off_t offset) {
  return pwritev_call(descriptor, pieces, count, offset);
}
ssize_t pwritev64(int descriptor, const iovec* pieces, int count, off64_t offset) {
  return pwritev_call(descriptor, pieces, count, offset);
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  static auto* const call = real<ssize_t(int, const void*, std::size_t)>("write");
  const iovec piece{const_cast<void*>(bytes), size};
  return write_call(descriptor, position(descriptor), &piece, 1,
                    [&](const iovec* pieces, int) { return call(descriptor, pieces->iov_base, pieces->iov_len); });
}

ssize_t writev(int descriptor, const iovec* pieces, int count) {
  static auto* const call = real<ssize_t(int, const iovec*, int)>("writev");
  return write_call(descriptor, position(descriptor), pieces, count,
                    [&](const iovec* wanted, int number) { return call(descriptor, wanted, number); });
}

ssize_t read(int descriptor, void* bytes, std::size_t size) {
  static auto* const call = real<ssize_t(int, void*, std::size_t)>("read");
  return read_call(descriptor, size, [&](std::size_t wanted) { return call(descriptor, bytes, wanted); });
}
ssize_t pread(int descriptor, void* bytes, std::size_t size, off_t offset) {
  static auto* const call = real<ssize_t(int, void*, std::size_t, off_t)>("pread64");
  return read_call(descriptor, size, [&](std::size_t wanted) { return call(descriptor, bytes, wanted, offset); });
}
ssize_t pread64(int descriptor, void* bytes, std::size_t size, off64_t offset) {
  static auto* const call = real<ssize_t(int, void*, std::size_t, off_t)>("pread64");
  return read_call(descriptor, size, [&](std::size_t wanted) { return call(descriptor, bytes, wanted, offset); });
}

int ftruncate(int descriptor, off_t size) noexcept {
  static auto* const call = real<int(int, off_t)>("ftruncate64");
  return resize_call(descriptor, static_cast<std::uint64_t>(size), false, false,
                     [&] { return call(descriptor, size); });
}
int ftruncate64(int descriptor, off64_t size) noexcept { return ftruncate(descriptor, size); }
int posix_fallocate(int descriptor, off_t offset, off_t bytes) {
  static auto* const call = real<int(int, off_t, off_t)>("posix_fallocate64");
  return resize_call(descriptor, static_cast<std::uint64_t>(offset + bytes), true, true,
                     [&] { return call(descriptor, offset, bytes); });
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t bytes) {
  return posix_fallocate(descriptor, offset, bytes);
}

int fsync(int descriptor) {
  static auto* const call = real<int(int)>("fsync");
  return sync_call(descriptor, [&] { return call(descriptor); });
}
int fdatasync(int descriptor) {
  static auto* const call = real<int(int)>("fdatasync");
  return sync_call(descriptor, [&] { return call(descriptor); });
}
// Neither LMDB without its writable map nor the journal calls it: a process here that does is to be looked at first.
int msync(void*, std::size_t, int) { ::abort(); }

int rename(const char* from, const char* to) noexcept {
  static auto* const call = real<int(const char*, const char*)>("rename");
  return rename_call(from, to, [&] { return call(from, to); });
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  static auto* const call = real<int(int, const char*, int, const char*, unsigned)>("renameat2");
  return rename_call(from, to, [&] { return call(from_folder, from, to_folder, to, flags); });
}

int unlink(const char* path) noexcept { return unlink_call(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char* path, int flags) noexcept { return unlink_call(folder, path, flags); }
int rmdir(const char* path) noexcept { return unlink_call(AT_FDCWD, path, AT_REMOVEDIR); }
// remove(3) calls the two above from inside the C library, where no wrapper is found.
int remove(const char* path) noexcept {
  struct stat info {};
  return unlink_call(AT_FDCWD, path, ::lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const call = real<int(const char*, mode_t)>("mkdir");
  Turn turn;
  const char* name = turn.watching() ? below(path) : nullptr;
  if (name == nullptr) return call(path, mode);
  const auto verdict = turn.ask(Call::make_folder);
  if (verdict.error != 0) return fail(verdict);
  const int result = call(path, mode);
  const int code = errno;
  if (result == 0) turn.add(entry(What::make_folder, inode(path)), name);
  end_if(verdict);
  errno = code;
  return result;
}

void* mmap(void* at, std::size_t bytes, int protection, int flags, int descriptor, off_t offset) noexcept {
  return map_call(at, bytes, protection, flags, descriptor, offset);
}
void* mmap64(void* at, std::size_t bytes, int protection, int flags, int descriptor, off64_t offset) noexcept {
  return map_call(at, bytes, protection, flags, descriptor, offset);
}
int munmap(void* at, std::size_t bytes) noexcept {
  static auto* const call = real<int(void*, std::size_t)>("munmap");
  Turn turn;
  if (turn.watching()) {
    turn.look_at_maps();
    unmapped(at, bytes);
  }
  return call(at, bytes);
}

}  // extern "C"

#pragma GCC visibility pop
