#include "daybook/journal/free_list.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/pages.h"
#include "daybook/journal/record.h"
#include "daybook/journal/store.h"

namespace daybook::detail {
namespace {

class FreeList {
 public:
  FreeList(const PageFile& file, const Meta& meta) : file_(file), trees_(file, meta) {}

  void check() {
    const Problems ignore = [](const PageProblem&) {};  // LMDB and `verify` tell of other damage
    databases_ = trees_.databases(ignore);
    // Small, and the only one beside `events` whose values can be large.
    if (const auto run = databases_.find(run_db); run != databases_.end())
      trees_.walk(
          run->second, [](const PageTrees::Entry&) {}, ignore);
    const auto free = trees_.walk_free([this](const PageProblem& problem) { fail(problem); });
    for (const PageNumber page : free) look_at(page);
  }

 private:
  [[noreturn]] void fail(const PageProblem& problem) const {
    throw CorruptError("'" + file_.path().string() + "': LMDB's list of free pages is damaged (page " +
                       std::to_string(problem.page) + ": " + problem.what +
                       "), so that writing could destroy what is intact; nothing was changed: 'daybook salvage' gets " +
                       "out what is left");
  }

  void look_at(PageNumber page) {
    const auto label = trees_.label(page);
    if (trees_.in_use(page) || (label.pages != 0 ? leads_to(label, page) : is_inside_value(page)))
      fail({page, "it is in use, too"});
  }

  [[nodiscard]] bool leads_to(const PageTrees::Label& label, PageNumber page) const {
    if (!label.overflow) {
      for (const auto& [name, tree] : databases_)
        if (trees_.leads_to(tree, label.begin, page)) return true;
      return false;
    }
    RecordHeader header{};
    if (label.begin.size() < sizeof header) return false;
    std::memcpy(&header, label.begin.data(), sizeof header);
    const auto events = databases_.find(events_db);
    return events != databases_.end() && is_record_magic(header.magic) &&
           trees_.leads_to(events->second, event_key(header.sequence), page);
  }

  // Pages of a large value behind its first one say nothing. One whose page before is free as well was, if it belongs to a
  // value in use, found at that page.
  [[nodiscard]] bool is_inside_value(PageNumber page) {
    if (trees_.free(page - 1)) return false;
    PageNumber first = page - 1;
    auto label = trees_.label(first);
    while (label.pages == 0 && first > 2) {
      first = first == looked_from_ ? owner_ : first - 1;
      label = trees_.label(first);
    }
    looked_from_ = page;
    owner_ = first;
    return label.overflow && label.pages > page - first && leads_to(label, first);
  }

  const PageFile& file_;
  PageTrees trees_;
  std::map<std::string, Tree> databases_;
  PageNumber looked_from_ = 2, owner_ = 2;  // nothing begins between the two
};

}  // namespace

void require_sound_free_list(const std::filesystem::path& journal) {
  const PageFile file(journal / "data.mdb");
  const auto metas = file.metas([](const PageProblem&) {});
  // Without any LMDB refuses the file by itself.
  if (!metas.empty()) FreeList(file, metas.front()).check();
}

}  // namespace daybook::detail
