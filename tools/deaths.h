#pragma once

#include <string>

namespace daybook {

// Of a worker's wait status: whether it died as a reader of a damaged journal does …
bool ended_by_damage(int status);
// … and how it ended, for a message.
std::string death_text(int status);

}  // namespace daybook
