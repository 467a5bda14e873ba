#pragma once

#include <filesystem>

namespace daybook::detail {

// UnsupportedError saying what `path` is if it is not a journal's folder; CorruptError if its data.mdb is cut short or
// starts with something else than an LMDB file does. Looks, and changes nothing.
void require_journal(const std::filesystem::path& path);

}  // namespace daybook::detail
