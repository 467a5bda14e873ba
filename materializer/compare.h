#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daybook/materializer/materialize.h"

namespace daybook {

// Replays the journal and compares an existing HDF5 file with what materialize() would write, object by object: links,
// types, shapes, every bit, attributes (of daybook_… only the journal's identity). Empty: they are equal; otherwise a
// sentence for each difference, at most a thousand.
// With `at` left at Now, the journal is taken as of the event that the file names. A layout has to be given as
// it was; the file's name for it is compared.
// `refused` gets what the journal holds and no file of it can: equal files lack it.
// UnsupportedError: `file` is no HDF5 file. StorageError: it cannot be read, or there is no room for a second one in the
// folder for temporary files (TMPDIR). Otherwise as materialize().
[[nodiscard]] std::vector<std::string> compare(const Reader& reader, const std::filesystem::path& file,
                                               const MaterializeOptions& options = {},
                                               std::vector<Refusal>* refused = nullptr);

}  // namespace daybook
