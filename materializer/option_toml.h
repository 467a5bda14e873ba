#pragma once

#include <toml++/toml.h>

#include <string_view>

#include "daybook/materializer/transform.h"

namespace daybook::detail {

// Null, or the node that is no option: a date or a time.
const toml::node* to_option(const toml::node& node, OptionValue& out);

// One value as a layout file says it: `4`, `"MHz"`, `[1, 2]`. InvalidError.
OptionValue parse_option(std::string_view text);

}  // namespace daybook::detail
