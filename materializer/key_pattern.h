#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace daybook::detail {

// A regular expression as a layout gives it, in RE2's syntax: Perl's without look-around and back-references, so that no
// pattern takes long or much memory, whatever the key. "." also matches a line end, which keys may hold.
class KeyPattern {
 public:
  explicit KeyPattern(std::string_view pattern);  // InvalidError says where it is wrong

  // InvalidError if `to` asks for a group that the pattern does not have.
  void check_replacement(std::string_view to) const;
  // Every match within `text` replaced: $1 … $9 are the groups, $0 the match, $$ a dollar. Empty if there is no match.
  [[nodiscard]] std::optional<std::string> replace(std::string_view text, std::string_view to) const;
  [[nodiscard]] bool finds(std::string_view text) const;
  // `to` with the groups of a match of all of `text`. Empty if it does not match.
  [[nodiscard]] std::optional<std::string> expand(std::string_view text, std::string_view to) const;
  // The same for the first match anywhere in `text`.
  [[nodiscard]] std::optional<std::string> expand_found(std::string_view text, std::string_view to) const;

 private:
  std::shared_ptr<const re2::RE2> pattern_;
};

}  // namespace daybook::detail
