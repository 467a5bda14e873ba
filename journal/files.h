#pragma once

// The few system calls on files and folders that durability rests on. Errors become StorageError here and nowhere else.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace daybook::detail {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; StorageError names the path.
FileDescriptor open_file(const std::filesystem::path& path, int flags, unsigned mode = 0666);
// All of it; StorageError names the path. read_at() says how much there was.
void write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes, const std::filesystem::path& path);
std::size_t read_at(int fd, std::uint64_t offset, std::span<std::byte> out, const std::filesystem::path& path);
void sync_file(int fd, const std::filesystem::path& path);  // fsync
void sync_data(int fd, const std::filesystem::path& path);  // fdatasync
void sync_directory(const std::filesystem::path& dir);
// Space for the whole file now, so that later writes cannot fail for want of room.
void allocate(int fd, std::uint64_t bytes, const std::filesystem::path& path);
// rename(2) that refuses to replace anything: InvalidError if `to` exists.
void rename_new(const std::filesystem::path& from, const std::filesystem::path& to);
void remove_file(const std::filesystem::path& path);
// rename(2): `to` is the old file or the new one at any time.
void replace_file(const std::filesystem::path& from, const std::filesystem::path& to);
// Exchanges two names in one step. False, and nothing has changed, on a file system that cannot.
bool exchange_names(const std::filesystem::path& a, const std::filesystem::path& b);

// A name beside `target` for making it aside: hidden, and not ending like it. Unique to this process and call.
std::filesystem::path aside_name(const std::filesystem::path& target);
// What is in a folder; nothing if it cannot be read.
std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder);
// Removes what aside_name() named for this target in processes of this machine that are gone.
void remove_abandoned(const std::filesystem::path& target);

// Less room is left for files in `dir` than one commit may need.
bool is_nearly_full(const std::filesystem::path& dir);

// The file system's name if `dir` is on a network ("NFS", "SMB", …); empty otherwise.
std::string network_file_system(const std::filesystem::path& dir);

std::string host_name();
std::string boot_id();  // of the running kernel; empty if it does not say
std::uint64_t random_bits();

// The lock that says "a writer has this journal open": an open-file-description lock on data.mdb, which the kernel
// drops when the process ends, however it ends. Copies of the descriptor that a fork() makes are closed in the child at
// once, so that a child never keeps a dead parent's journal locked.
class WriterLock {
 public:
  // False if somebody holds it.
  [[nodiscard]] static bool is_held(const std::filesystem::path& data_file);
  // BusyError if somebody holds it.
  explicit WriterLock(const std::filesystem::path& data_file);
  WriterLock(WriterLock&&) noexcept = default;
  WriterLock& operator=(WriterLock&&) noexcept = delete;
  ~WriterLock();

 private:
  FileDescriptor file_;
};

// The lock of a RecoveryTurn, beside the writer's: waits for it, and returns the descriptor that holds it; -1 where the file
// cannot be opened for writing because the place is read-only.
FileDescriptor wait_for_recovery_lock(const std::filesystem::path& data_file);

// Counts the fork()s that led to this process; a handle made under another count belongs to a parent.
std::uint64_t fork_generation();

}  // namespace daybook::detail
