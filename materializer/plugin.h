#pragma once

#include <filesystem>

#include "daybook/materializer/transform.h"

namespace daybook {

// Puts the transforms of a plug-in, a shared library with the C functions of daybook_plugin.h, into the registry: all of
// them or none. The library stays loaded while the registry, a transform made by it, or a plan that one of these has
// edited is alive. Loading a library runs its code: only do it with one that was named by the user.
// StorageError: no such file. UnsupportedError: no shared library, no plug-in, one for another version of Daybook.
// InvalidError: what it registers is wrong, or a name is taken.
void load_plugin(const std::filesystem::path& library, TransformRegistry& registry);

}  // namespace daybook
