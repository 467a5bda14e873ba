#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

// The least that a disk can be asked: the bytes at the end of what was written, in a file that has its size already.
class FileStore final : public ByteStore {
 public:
  explicit FileStore(const std::filesystem::path& folder) {
    file_ = ::open((folder / "events").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    require(file_ >= 0, "open a file of events");
    const std::vector<std::byte> zeros(size_);  // written, not only allocated: else every write is one of metadata
    require(::pwrite(file_, zeros.data(), zeros.size(), 0) == static_cast<ssize_t>(zeros.size()), "preallocate");
    require(::fsync(file_) == 0, "fsync");
  }
  FileStore(const FileStore&) = delete;
  FileStore& operator=(const FileStore&) = delete;
  ~FileStore() override { ::close(file_); }

  void finish() override { require(::fdatasync(file_) == 0, "fdatasync"); }

 protected:
  void put(std::uint64_t /*number*/, std::span<const std::byte> head, std::span<const std::byte> bytes) override {
    record_.assign(head.begin(), head.end());
    record_.insert(record_.end(), bytes.begin(), bytes.end());
    if (at_ + record_.size() > size_) at_ = 0;
    require(::pwrite(file_, record_.data(), record_.size(), static_cast<off_t>(at_)) ==
                static_cast<ssize_t>(record_.size()),
            "pwrite");
    at_ += record_.size();
    require(::fdatasync(file_) == 0, "fdatasync");
  }

 private:
  static constexpr std::size_t size_ = std::size_t{16} << 20;
  int file_ = -1;
  std::size_t at_ = 0;
  std::vector<std::byte> record_;
};

// Survives nothing.
class MemoryStore final : public ByteStore {
 public:
  MemoryStore() : memory_(std::size_t{16} << 20) {}
  void finish() override {}

 protected:
  void put(std::uint64_t /*number*/, std::span<const std::byte> head, std::span<const std::byte> bytes) override {
    if (at_ + head.size() + bytes.size() > memory_.size()) at_ = 0;
    std::memcpy(memory_.data() + at_, head.data(), head.size());
    at_ += head.size();
    if (!bytes.empty()) std::memcpy(memory_.data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

 private:
  std::vector<std::byte> memory_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_file(const std::filesystem::path& folder) { return std::make_unique<FileStore>(folder); }
std::unique_ptr<Store> make_memory(const std::filesystem::path& /*folder*/) { return std::make_unique<MemoryStore>(); }

}  // namespace bench
