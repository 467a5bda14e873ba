#pragma once

// A disk as a recorded log left it, and what a power cut may leave of that: everything that was synced, and of the rest
// any part, in any order, torn at 512 bytes.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crash/recorder.h"

namespace daybook::crash {

class Disk {
 public:
  // A planted bug: syncs of files of this name did not happen, or of names that begin so if it begins with a dot;
  // "folder": those of folders; "": none.
  explicit Disk(std::string lie) : lie_(std::move(lie)) {}

  void apply(const Entry& entry);
  // Everything so far has been on the disk from the start.
  void settle();
  // Makes one of the disks that a power cut now could leave, in an empty folder.
  void build_image(const std::filesystem::path& folder, std::mt19937_64& random) const;
  // As a program sees it that has not crashed; empty if there is no such file.
  [[nodiscard]] std::optional<std::vector<std::byte>> contents(std::string_view name) const;

 private:
  using Bytes = std::vector<std::byte>;
  using File = std::uint64_t;
  struct Change {
    bool resize = false;
    bool forced = false;
    std::uint64_t at = 0;  // or the size
    Bytes bytes;
  };
  struct Contents {
    Bytes durable, now;
    std::vector<Change> pending;
  };
  using Names = std::map<std::string, File, std::less<>>;
  // One change of folders; each side may be absent.
  struct Naming {
    File from_folder = 0, to_folder = 0;
    std::string from, to;
    File file = 0;
  };

  [[nodiscard]] std::pair<File, std::string> place(std::string_view name) const;
  void name(const Naming& naming);
  static void carry_out(std::map<File, Names>& folders, const Naming& naming);
  [[nodiscard]] std::map<File, Names> survivors(std::mt19937_64& random) const;
  static Bytes surviving(const Contents& contents, std::mt19937_64& random);
  void write_folder(const std::map<File, Names>& folders, File folder, const std::filesystem::path& to,
                    std::mt19937_64& random) const;

  std::string lie_;
  File root_ = 0;
  std::map<File, Names> folders_, durable_folders_;
  std::vector<Naming> pending_;
  std::map<File, Contents> files_;
  std::map<File, std::string> kinds_;  // a file's newest name, for lies
};

}  // namespace daybook::crash
