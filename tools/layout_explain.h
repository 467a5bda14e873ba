#pragma once

#include <string>

#include "tools/choice.h"

namespace daybook {

// `daybook layout explain`: prints the file that would be made of a run, and makes none.
int explain_layout(const std::string& journal, const Choice& choice, bool json);

}  // namespace daybook
