#pragma once

// Reads LMDB 0.9 data files without LMDB: the library trusts every byte of a file and may crash on a damaged one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace daybook::detail {

using PageNumber = std::uint64_t;
inline constexpr PageNumber no_page = ~PageNumber{0};

// One B+tree: a named database, or one of the two that LMDB keeps for itself.
struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0;
  PageNumber root = no_page;  // no_page: an empty tree
};

// One of the two places that say where the trees of a transaction start.
struct Meta {
  PageNumber page = 0;  // 0 or 1
  std::uint32_t page_size = 0;
  Tree free, main;
  PageNumber last_page = 0;
  std::uint64_t transaction = 0;
};

struct PageProblem {
  PageNumber page = 0;
  std::string what;
  std::span<const std::byte> key = {};  // of the entry that is lost with it; empty: not just one entry
};
using Problems = std::function<void(const PageProblem&)>;

// Reads inside the file only, and copies: a file that is cut at this moment ends in a problem, not in SIGBUS.
class PageFile {
 public:
  explicit PageFile(const std::filesystem::path& file);  // StorageError
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;
  ~PageFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const;  // at this moment
  // Fills `into` and returns true, or returns false where the file ends before. StorageError if the disk fails.
  bool read(std::uint64_t offset, std::span<std::byte> into) const;

  // The meta pages that make sense, the newest first: at most two. A damaged one is reported.
  [[nodiscard]] std::vector<Meta> metas(const Problems& problems) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

enum class KeyOrder : std::uint8_t { bytes, integers };  // integers: 8 bytes, little-endian; LMDB's own free list

// The trees under one meta page. A damaged page is reported and the walk goes on beside it, so that every intact entry
// is seen, once; where damage leaves room for doubt, an entry too many is shown rather than one too few. Terminates and
// stays inside the file whatever it holds.
//
// While a writer is at work, the pages of a transaction stay as they are until the second next one was committed; in a
// tree that only grows at its end, only those on the path to the newest entry ever change: see keep_edge().
class PageTrees {
 public:
  struct Entry {
    std::span<const std::byte> key, value;  // for the time of the call
    std::uint16_t flags = 0;
    PageNumber page = 0;  // where the value stands
  };
  using Visitor = std::function<void(const Entry&)>;

  // `file` must outlive it.
  PageTrees(const PageFile& file, const Meta& meta);

  [[nodiscard]] const Meta& meta() const { return meta_; }
  // The named databases.
  [[nodiscard]] std::map<std::string, Tree> databases(const Problems& problems);
  // Visits the entries in the order of the tree.
  void walk(const Tree& tree, const Visitor& visit, const Problems& problems, KeyOrder order = KeyOrder::bytes);
  // Copies the pages on the path to the last entry, for a later walk.
  void keep_edge(const Tree& tree);
  // Reads LMDB's list of free pages; afterwards free(page) answers. Returns them, the lowest first, without those behind
  // the end of the file.
  std::vector<PageNumber> walk_free(const Problems& problems);
  // What a page is by its own word, be it in use or left over from an earlier transaction.
  struct Label {
    std::uint64_t pages = 0;       // that begin here; 0: it is not the first page of anything
    bool overflow = false;         // of a large value; else of a tree
    std::vector<std::byte> begin;  // the value's first bytes, or the first key on the page or below it
  };
  [[nodiscard]] Label label(PageNumber page) const;
  // Whether the way from the root of a tree to `key` goes over this page, or the key's large value begins there.
  [[nodiscard]] bool leads_to(const Tree& tree, std::span<const std::byte> key, PageNumber page) const;
  // Free pages need never have been written, so the file may end before them: true if nothing else is missing.
  [[nodiscard]] bool complete() const {
    return meta_.last_page + 1 - std::min(whole_pages_, meta_.last_page + 1) <= free_behind_end_;
  }

  // Page numbers that the file has room for; the two below are false beyond.
  [[nodiscard]] PageNumber pages() const { return used_.size(); }

  [[nodiscard]] bool in_use(PageNumber page) const { return page < used_.size() && used_[page]; }
  [[nodiscard]] bool free(PageNumber page) const { return page < free_.size() && free_[page]; }

 private:
  class Walk;
  // False, and reported, unless `page` can be one of `count` pages of a tree that no walk has met before.
  bool claim(PageNumber page, std::uint64_t count, PageNumber from, std::span<const std::byte> key,
             const Problems& problems);
  bool read_page(PageNumber page, std::vector<std::byte>& into) const;

  const PageFile& file_;
  Meta meta_;
  std::vector<bool> used_, free_;  // by page number, up to the end of the file
  std::uint64_t whole_pages_ = 0, free_behind_end_ = 0;
  std::map<PageNumber, std::vector<std::byte>> kept_;
};

}  // namespace daybook::detail
