#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace daybook::detail {

// A file that replaces its target whole or not at all: written beside it as `.{target}.{host}.{pid}.{random}.part`,
// synced and renamed by commit(), removed by the destructor otherwise. What dead processes of this machine left of the
// same target is removed at the start. A target that is a symbolic link is replaced where it points to.
class OutputFile {
 public:
  // StorageError: the folder is missing or refuses, or something that is no regular file stands at the target.
  explicit OutputFile(const std::filesystem::path& target);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }  // of the temporary file
  [[nodiscard]] const std::filesystem::path& target() const { return target_; }
  [[nodiscard]] std::uint64_t size() const;  // in bytes, as it is now
  // Sync, rename, sync the directory. StorageError; before the rename the old file is untouched.
  void commit();

 private:
  void close() noexcept;

  std::filesystem::path target_, path_;
  int descriptor_ = -1;
};

// Removes what dead processes of this machine left of `target`, for who knows that one has died.
void remove_leftovers(const std::filesystem::path& target);

}  // namespace daybook::detail
