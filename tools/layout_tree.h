#pragma once

#include <cstdint>
#include <string>

#include "daybook/materializer/materialize.h"

namespace daybook {

// The file that a settled plan describes, for people: groups indented, then what is not in it. Lists are replayed to know
// their size, nothing else is.
std::string plan_tree(const Plan& plan);
// The nodes and the file's properties as members of a JSON object, without the braces.
std::string plan_json(const Plan& plan);

}  // namespace daybook
