#include "daybook/journal/pages.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "journals are little-endian");

// LMDB 0.9's layout on 64-bit little-endian machines. A page: number 8, pad 2, flags 2, then lower 2 and upper 2, or
// the count of pages 4; then 2-byte offsets of nodes. A node: size (or child) low 2, high 2, flags (or child, top) 2,
// key size 2. Pages 0 and 1 are the meta pages; what they hold stands behind the page header.
constexpr std::size_t page_header = 16, node_header = 8, tree_bytes = 48;
constexpr std::uint16_t branch_page = 0x01, leaf_page = 0x02, overflow_page = 0x04, meta_page = 0x08;
constexpr std::uint16_t big_data = 0x01, sub_tree = 0x02;
constexpr std::uint32_t meta_magic = 0xBEEFC0DE, meta_version = 1;
constexpr std::size_t meta_free = 24, meta_main = 72, meta_last_page = 120, meta_transaction = 128, meta_bytes = 136;
constexpr std::uint16_t max_depth = 32;  // LMDB's cursors are no deeper
constexpr std::uint16_t integer_keys = 0x08;
constexpr std::uint64_t max_value = std::uint64_t{2} << 30;
constexpr std::array<std::uint32_t, 8> page_sizes{4096, 8192, 16384, 32768, 65536, 2048, 1024, 512};

template <class T>
T load(std::span<const std::byte> bytes, std::size_t offset) {
  const auto part = bytes.subspan(offset).first<sizeof(T)>();
  T value;
  std::memcpy(&value, part.data(), sizeof value);
  return value;
}

Tree load_tree(std::span<const std::byte> bytes) {
  return {.flags = load<std::uint16_t>(bytes, 4),
          .depth = load<std::uint16_t>(bytes, 6),
          .branch_pages = load<std::uint64_t>(bytes, 8),
          .leaf_pages = load<std::uint64_t>(bytes, 16),
          .overflow_pages = load<std::uint64_t>(bytes, 24),
          .entries = load<std::uint64_t>(bytes, 32),
          .root = load<std::uint64_t>(bytes, 40)};
}

std::string number(std::uint64_t value) { return std::to_string(value); }

// Why a tree's entry in a meta page or in the main database cannot be right; empty if it can.
std::string tree_fault(const Tree& tree, PageNumber last_page) {
  if (tree.root == no_page)
    return tree.depth == 0 && tree.entries == 0 ? ""
                                                : "an empty tree is said to hold " + number(tree.entries) + " entries";
  if (tree.root < 2 || tree.root > last_page)
    return "a tree is said to start at page " + number(tree.root) + ", the last page is " + number(last_page);
  if (tree.depth == 0 || tree.depth > max_depth) return "a tree is said to be " + number(tree.depth) + " pages deep";
  return "";
}

std::optional<Meta> load_meta(std::span<const std::byte> bytes, PageNumber page, std::uint32_t page_size,
                              std::string& why) {
  if (bytes.size() < page_header + meta_bytes) return why = "the file ends before it", std::nullopt;
  const auto body = bytes.subspan(page_header);
  if (load<std::uint32_t>(body, 0) != meta_magic) return why = "it does not begin as one of LMDB's", std::nullopt;
  if (const auto version = load<std::uint32_t>(body, 4); version != meta_version)
    return why = "its LMDB format is " + number(version) + ", not " + number(meta_version), std::nullopt;
  if (load<std::uint64_t>(bytes, 0) != page || load<std::uint16_t>(bytes, 10) != meta_page)
    return why = "its header belongs to another page", std::nullopt;
  Meta meta{.page = page,
            .page_size = load<std::uint32_t>(body, meta_free),
            .free = load_tree(body.subspan(meta_free, tree_bytes)),
            .main = load_tree(body.subspan(meta_main, tree_bytes)),
            .last_page = load<std::uint64_t>(body, meta_last_page),
            .transaction = load<std::uint64_t>(body, meta_transaction)};
  if (meta.page_size != page_size) return why = "its page size is " + number(meta.page_size), std::nullopt;
  // Transactions take turns between the two pages; a file that was never committed to has zero in both.
  if (meta.transaction != 0 && (meta.transaction & 1) != page)
    return why = "transaction " + number(meta.transaction) + " belongs into the other", std::nullopt;
  const auto map_size = load<std::uint64_t>(body, 16);
  if (meta.last_page < 1 || meta.last_page >= map_size / page_size)
    return why = "its last page " + number(meta.last_page) + " is outside its map of " + number(map_size) + " bytes",
           std::nullopt;
  for (const Tree* tree : {&meta.free, &meta.main})
    if (why = tree_fault(*tree, meta.last_page); !why.empty()) return std::nullopt;
  return meta;
}

int compare(std::span<const std::byte> a, std::span<const std::byte> b, KeyOrder order) {
  if (order == KeyOrder::integers && a.size() == 8 && b.size() == 8) {
    const auto x = load<std::uint64_t>(a, 0), y = load<std::uint64_t>(b, 0);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const std::size_t common = std::min(a.size(), b.size());
  if (const int c = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common); c != 0) return c;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

using Bytes = std::span<const std::byte>;

// An entry of a tree's page.
struct Node {
  std::uint16_t low = 0, high = 0, flags = 0;
  Bytes key, rest;  // rest: from the end of the key to the end of the page
  [[nodiscard]] std::uint64_t data_size() const { return low | std::uint64_t{high} << 16; }
  [[nodiscard]] PageNumber child() const { return low | std::uint64_t{high} << 16 | std::uint64_t{flags} << 32; }
};

std::optional<Node> find_node(Bytes bytes, std::size_t slot) {
  if (page_header + 2 * slot + 2 > bytes.size()) return std::nullopt;
  const std::size_t offset = load<std::uint16_t>(bytes, page_header + 2 * slot);
  if (offset < page_header || offset % 2 != 0 || offset + node_header > bytes.size()) return std::nullopt;
  const std::size_t key_size = load<std::uint16_t>(bytes, offset + 6);
  if (key_size > bytes.size() - offset - node_header) return std::nullopt;
  return Node{load<std::uint16_t>(bytes, offset), load<std::uint16_t>(bytes, offset + 2),
              load<std::uint16_t>(bytes, offset + 4), bytes.subspan(offset + node_header, key_size),
              bytes.subspan(offset + node_header + key_size)};
}

// Of a tree's page; 0 where its bounds cannot be.
std::size_t slots_of(Bytes bytes) {
  const std::size_t lower = load<std::uint16_t>(bytes, 12);
  return lower < page_header || lower > bytes.size() ? 0 : (lower - page_header) / 2;
}

}  // namespace

PageFile::PageFile(const std::filesystem::path& file) : path_(file), fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) throw_errno("opening " + file.string(), errno);
}

PageFile::~PageFile() { ::close(fd_); }

std::uint64_t PageFile::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) throw_errno("asking for the size of " + path_.string(), errno);
  return static_cast<std::uint64_t>(status.st_size);
}

bool PageFile::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset > static_cast<std::uint64_t>(INT64_MAX) - into.size()) return false;
  while (!into.empty()) {
    const ssize_t got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw_errno("reading " + number(into.size()) + " bytes at " + number(offset) + " of " + path_.string(), errno);
    if (got == 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

std::vector<Meta> PageFile::metas(const Problems& problems) const {
  constexpr std::size_t needed = page_header + meta_bytes;
  const auto fetch = [&](std::uint64_t offset) {
    std::vector<std::byte> bytes(needed);
    if (!read(offset, bytes)) bytes.clear();
    return bytes;
  };
  // The second meta page stands one page in, and only the meta pages tell how long a page is.
  std::vector<std::byte> zero = fetch(0), one;
  std::uint32_t page_size = page_sizes[0];
  if (zero.size() == needed && load<std::uint32_t>(zero, page_header) == meta_magic) {
    const auto said = load<std::uint32_t>(zero, page_header + meta_free);
    if (std::find(page_sizes.begin(), page_sizes.end(), said) != page_sizes.end()) page_size = said;
  }
  // A writer may be at it: believe what two reads agree on.
  for (int tries = 0; tries < 10; ++tries) {
    one = fetch(page_size);
    auto again = fetch(0);
    const bool same = again == zero;
    zero = std::move(again);
    if (same && fetch(page_size) == one) break;
  }
  std::string why_zero, why_one;
  std::optional<Meta> second = load_meta(one, 1, page_size, why_one);
  for (const auto other : page_sizes) {
    if (second) break;
    std::string why;
    if ((second = load_meta(fetch(other), 1, other, why))) page_size = other;
  }
  std::optional<Meta> first = load_meta(zero, 0, page_size, why_zero);
  if (!first) problems({0, "is a meta page, and damaged: " + why_zero});
  if (!second) problems({1, "is a meta page, and damaged: " + why_one});
  // Each transaction follows the one before. Where they do not, the newer one may be an old one with a damaged number.
  if (first && second && first->transaction != second->transaction &&
      std::max(first->transaction, second->transaction) - std::min(first->transaction, second->transaction) != 1)
    problems({0, "is the meta page of transaction " + number(first->transaction) +
                     " and does not go with page 1, of transaction " + number(second->transaction)});
  std::vector<Meta> found;
  for (const auto& meta : {first, second})
    if (meta) found.push_back(*meta);
  if (found.size() == 2 && found[0].transaction < found[1].transaction) std::swap(found[0], found[1]);
  return found;
}

PageTrees::PageTrees(const PageFile& file, const Meta& meta) : file_(file), meta_(meta) {
  const auto size = file.size();
  const auto pages = std::min(meta.last_page + 1, (size + meta.page_size - 1) / meta.page_size);
  whole_pages_ = size / meta.page_size;
  used_.resize(pages);
  free_.resize(pages);
}

bool PageTrees::read_page(PageNumber page, std::vector<std::byte>& into) const {
  if (const auto kept = kept_.find(page); kept != kept_.end()) return into = kept->second, true;
  into.resize(meta_.page_size);
  return file_.read(page * meta_.page_size, into);
}

bool PageTrees::claim(PageNumber page, std::uint64_t count, PageNumber from, std::span<const std::byte> key,
                      const Problems& problems) {
  const auto refuse = [&](std::string what) { return problems({from, std::move(what), key}), false; };
  if (page < 2 || page > meta_.last_page || count > meta_.last_page - page + 1)
    return refuse("refers to page " + number(page) + ", which cannot be; the last page is " + number(meta_.last_page));
  if (page >= used_.size() || count > used_.size() - page)
    return refuse("refers to page " + number(page) + ", which is behind the end of the file");
  for (PageNumber p = page; p < page + count; ++p)
    if (used_[p]) return refuse("refers to page " + number(p) + ", which is in use elsewhere");
  for (PageNumber p = page; p < page + count; ++p) used_[p] = true;
  return true;
}

// One pass over one tree: a buffer per level, and what was counted on the way.
class PageTrees::Walk {
 public:
  Walk(PageTrees& trees, const Tree& tree, const Visitor& visit, const Problems& problems, KeyOrder order)
      : trees_(trees),
        tree_(tree),
        visit_(visit),
        order_(order),
        problems_([this, &problems](const PageProblem& problem) {
          sound_ = false;
          problems(problem);
        }) {}

  void run() {
    if (std::string fault = tree_fault(tree_, trees_.meta_.last_page); !fault.empty())
      problems_({trees_.meta_.page, std::move(fault)});
    if (tree_.root == no_page) return;
    if (!trees_.claim(tree_.root, 1, trees_.meta_.page, {}, problems_)) return;
    page(tree_.root, 1, {}, {});
    // Figures that differ have no further meaning where entries were already found to be lost.
    if (!sound_) return;
    const auto expect = [&](std::uint64_t is, std::uint64_t said, const char* what) {
      if (is != said)
        problems_({tree_.root, "holds " + number(is) + " " + what + ", not " + number(said) + " as recorded"});
    };
    expect(seen_.entries, tree_.entries, "entries");
    expect(seen_.depth, tree_.depth, "levels");
    expect(seen_.branch_pages, tree_.branch_pages, "branch pages");
    expect(seen_.leaf_pages, tree_.leaf_pages, "leaf pages");
    expect(seen_.overflow_pages, tree_.overflow_pages, "overflow pages");
  }

 private:
  // Every key below must be from `low` up to, but without, `high`; empty: no bound.
  void page(PageNumber at, std::uint16_t level, Bytes low, Bytes high) {
    if (level > max_depth) return problems_({at, "is deeper than a tree can be"});
    std::vector<std::byte>& bytes = levels_[level - 1U];
    if (!trees_.read_page(at, bytes)) return problems_({at, "is cut off by the end of the file"});
    seen_.depth = std::max(seen_.depth, level);

    if (const auto named = load<std::uint64_t>(bytes, 0); named != at)
      problems_({at, "says that it is page " + number(named)});
    const auto flags = load<std::uint16_t>(bytes, 10);
    if (flags != leaf_page && flags != branch_page) problems_({at, "is neither a branch nor a leaf of a tree"});
    const auto kind = flags & (leaf_page | branch_page);
    const bool leaf = kind == leaf_page || (kind != branch_page && level >= tree_.depth);
    ++(leaf ? seen_.leaf_pages : seen_.branch_pages);

    const std::size_t lower = load<std::uint16_t>(bytes, 12), upper = load<std::uint16_t>(bytes, 14);
    bool known = lower >= page_header && lower % 2 == 0 && lower <= upper && upper <= bytes.size();
    // Where the page is no longer sure how many nodes it has, take those that look like some.
    std::size_t slots = known ? (lower - page_header) / 2 : (bytes.size() - page_header) / (2 + node_header);
    if (!known) problems_({at, "has damaged bounds"});
    if (known && slots == 0) problems_({at, "holds nothing"});
    leaf ? leaf_nodes(at, bytes, slots, known, low, high) : branch_nodes(at, level, bytes, slots, known, low, high);
  }

  void leaf_nodes(PageNumber at, Bytes bytes, std::size_t slots, bool known, Bytes low, Bytes high) {
    Bytes before = low;
    bool disorder = false;
    for (std::size_t slot = 0; slot < slots; ++slot) {
      const auto node = find_node(bytes, slot);
      const bool fits = node && !node->key.empty();
      const bool ordered =
          fits && (slot == 0 ? compare(before, node->key, order_) <= 0 : compare(before, node->key, order_) < 0) &&
          (high.empty() || compare(node->key, high, order_) < 0);
      if (!known && (!fits || !ordered)) return;
      if (!fits) {
        problems_({at, "entry " + number(slot) + " points outside the page"});
        continue;
      }
      if (!ordered && !std::exchange(disorder, true))
        problems_({at, "has keys that are out of order from entry " + number(slot)});
      before = node->key;
      ++seen_.entries;
      leaf_node(at, *node);
    }
  }

  void leaf_node(PageNumber at, const Node& node) {
    const auto size = node.data_size();
    if (node.flags != (tree_.root == trees_.meta_.main.root ? sub_tree : node.flags & big_data))
      problems_({at, "an entry has flags that a journal does not use", node.key});
    if ((node.flags & big_data) == 0) {
      if (size > node.rest.size()) return problems_({at, "an entry reaches over the end of the page", node.key});
      return visit_({node.key, node.rest.first(size), node.flags, at});
    }
    if (node.rest.size() < sizeof(PageNumber))
      return problems_({at, "an entry reaches over the end of the page", node.key});
    const auto first = load<PageNumber>(node.rest, 0);
    if (size == 0 || size > max_value)
      return problems_({at, "an entry of " + number(size) + " bytes cannot be", node.key});
    const auto count = (page_header - 1 + size) / trees_.meta_.page_size + 1;
    if (!trees_.claim(first, count, at, node.key, problems_)) return;
    overflow_.resize(page_header + size);
    if (!trees_.file_.read(first * trees_.meta_.page_size, overflow_))
      return problems_({first, "is cut off by the end of the file", node.key});
    if (load<PageNumber>(overflow_, 0) != first || load<std::uint16_t>(overflow_, 10) != overflow_page ||
        load<std::uint32_t>(overflow_, 12) != count)
      problems_({first, "is not the overflow page that an entry says it is", node.key});
    seen_.overflow_pages += count;
    visit_({node.key, Bytes(overflow_).subspan(page_header), node.flags, first});
  }

  void branch_nodes(PageNumber at, std::uint16_t level, Bytes bytes, std::size_t slots, bool known, Bytes low,
                    Bytes high) {
    for (std::size_t slot = 0; slot < slots; ++slot) {
      const auto node = find_node(bytes, slot);
      if (!node && !known) return;
      if (!node) {
        problems_({at, "child " + number(slot) + " points outside the page"});
        continue;
      }
      if (!known && (node->child() < 2 || node->child() > trees_.meta_.last_page || trees_.in_use(node->child())))
        return;
      // The first key of a branch stands for "everything less than the next", whatever it is.
      const auto next = slot + 1 < slots ? find_node(bytes, slot + 1) : std::nullopt;
      if (!trees_.claim(node->child(), 1, at, {}, problems_)) continue;
      const Bytes from = slot == 0 ? low : node->key, to = next && known ? next->key : high;
      if (slot != 0 && (compare(low, from, order_) > 0 || (!to.empty() && compare(from, to, order_) >= 0)))
        problems_({at, "has keys that are out of order at child " + number(slot)});
      page(node->child(), static_cast<std::uint16_t>(level + 1), from, to);
    }
  }

  PageTrees& trees_;
  const Tree& tree_;
  const Visitor& visit_;
  KeyOrder order_;
  bool sound_ = true;
  Problems problems_;
  Tree seen_;
  std::array<std::vector<std::byte>, max_depth> levels_;
  std::vector<std::byte> overflow_;
};

void PageTrees::walk(const Tree& tree, const Visitor& visit, const Problems& problems, KeyOrder order) {
  Walk(*this, tree, visit, problems, order).run();
}

std::map<std::string, Tree> PageTrees::databases(const Problems& problems) {
  std::map<std::string, Tree> found;
  walk(
      meta_.main,
      [&](const Entry& entry) {
        std::string name(reinterpret_cast<const char*>(entry.key.data()), entry.key.size());
        if (entry.flags != sub_tree || entry.value.size() != tree_bytes)
          return problems({entry.page, "an entry of the list of databases is none", entry.key});
        const Tree tree = load_tree(entry.value);
        if (tree.flags != 0) problems({entry.page, "a database has flags that a journal does not use", entry.key});
        found.emplace(std::move(name), tree);
      },
      problems);
  return found;
}

void PageTrees::keep_edge(const Tree& tree) {
  PageNumber at = tree.root;
  std::vector<std::byte> bytes;
  for (std::uint16_t level = 1; level <= max_depth && at >= 2 && at < used_.size() && read_page(at, bytes); ++level) {
    kept_[at] = bytes;
    const std::size_t lower = load<std::uint16_t>(bytes, 12);
    if ((load<std::uint16_t>(bytes, 10) & branch_page) == 0 || lower < page_header + 2 || lower > bytes.size()) return;
    const std::size_t offset = load<std::uint16_t>(bytes, lower / 2 * 2 - 2);
    if (offset + node_header > bytes.size()) return;
    at = load<std::uint32_t>(bytes, offset) | std::uint64_t{load<std::uint16_t>(bytes, offset + 4)} << 32;
  }
}

std::vector<PageNumber> PageTrees::walk_free(const Problems& problems) {
  std::vector<PageNumber> found;
  if ((meta_.free.flags & integer_keys) == 0) problems({meta_.page, "the list of free pages lacks its flag"});
  walk(
      meta_.free,
      [&](const Entry& entry) {
        const auto count = entry.value.size() < 8 ? 0 : load<std::uint64_t>(entry.value, 0);
        if (entry.key.size() != 8 || entry.value.size() % 8 != 0 ||
            count > entry.value.size() / 8 - (entry.value.empty() ? 0 : 1))
          return problems({entry.page, "an entry of the list of free pages is damaged"});
        PageNumber before = no_page;
        for (std::uint64_t i = 1; i <= count; ++i) {
          const auto page = load<PageNumber>(entry.value, 8 * i);
          if (page < 2 || page > meta_.last_page)
            return problems({entry.page, "the list of free pages names page " + number(page)});
          if (page >= std::exchange(before, page))
            return problems({entry.page, "the list of free pages is out of order at page " + number(page)});
          if (page >= whole_pages_) ++free_behind_end_;
          if (page >= free_.size()) continue;
          if (free_[page])
            return problems({entry.page, "the list of free pages names page " + number(page) + " twice"});
          free_[page] = true;
          found.push_back(page);
        }
      },
      problems, KeyOrder::integers);
  std::sort(found.begin(), found.end());
  return found;
}

PageTrees::Label PageTrees::label(PageNumber page) const {
  std::vector<std::byte> bytes;
  for (std::uint16_t level = 0; level < max_depth && read_page(page, bytes); ++level) {
    if (load<std::uint64_t>(bytes, 0) != page) return {};
    const auto flags = load<std::uint16_t>(bytes, 10);
    if (flags == overflow_page && level == 0) {
      const auto pages = load<std::uint32_t>(bytes, 12);
      bytes.erase(bytes.begin(), bytes.begin() + page_header);
      return {.pages = pages, .overflow = true, .begin = std::move(bytes)};
    }
    const auto first = slots_of(bytes) == 0 ? std::nullopt : find_node(bytes, 0);
    if (!first) return {};
    if (flags == leaf_page) return {.pages = 1, .overflow = false, .begin = {first->key.begin(), first->key.end()}};
    // The first key of a branch may be left out: it is that of the pages below.
    if (flags != branch_page) return {};
    page = first->child();
  }
  return {};
}

bool PageTrees::leads_to(const Tree& tree, std::span<const std::byte> key, PageNumber page) const {
  std::vector<std::byte> bytes;
  PageNumber at = tree.root;
  for (std::uint16_t level = 0; level < max_depth && at >= 2 && read_page(at, bytes); ++level) {
    if (at == page) return true;
    const auto slots = slots_of(bytes);
    // The last node that is not behind the key; the first one of a branch never is.
    std::size_t low = 0, high = slots;
    while (high - low > 1) {
      const auto middle = low + (high - low) / 2;
      const auto node = find_node(bytes, middle);
      if (!node) return false;
      (compare(node->key, key, KeyOrder::bytes) <= 0 ? low : high) = middle;
    }
    const auto node = slots == 0 ? std::nullopt : find_node(bytes, low);
    if (!node) return false;
    if ((load<std::uint16_t>(bytes, 10) & branch_page) == 0)
      return (node->flags & big_data) != 0 && node->rest.size() >= sizeof(PageNumber) &&
             compare(node->key, key, KeyOrder::bytes) == 0 && load<PageNumber>(node->rest, 0) == page;
    at = node->child();
  }
  return false;
}

}  // namespace daybook::detail
