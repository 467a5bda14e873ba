#pragma once

#include <filesystem>

namespace daybook::detail {

// LMDB writes into the pages that its list of free ones names and believes the list blindly: one that names a page in use
// would have it destroyed by the next commit. To be called before the first write to a journal that somebody else may
// have left; nobody may write it meanwhile. Costs in proportion to the list, not to the journal.
// CorruptError if the list is damaged or names a page in use.
void require_sound_free_list(const std::filesystem::path& journal);

}  // namespace daybook::detail
