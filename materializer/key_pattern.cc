#include "daybook/materializer/key_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>

#include "daybook/journal/error.h"
#include "daybook/materializer/object_path.h"

namespace daybook::detail {
namespace {

constexpr std::size_t longest_pattern = 1000;
constexpr int most_groups = 10;  // the match itself and $1 … $9

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "$1" as RE2 writes it: "\1".
std::string rewrite_of(std::string_view to) {
  std::string out;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const char next = i + 1 < to.size() ? to[i + 1] : '\0';
    if (to[i] == '\\') {
      out += "\\\\";
    } else if (to[i] == '$' && is_digit(next)) {
      out += '\\';
    } else {
      if (to[i] == '$' && next == '$') ++i;
      out += to[i];
    }
  }
  return out;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::optional<std::string> matched(const re2::RE2& pattern, std::string_view text, std::string_view to,
                                   re2::RE2::Anchor anchor) {
  std::array<re2::StringPiece, most_groups> groups;
  const int count = std::min(most_groups, pattern.NumberOfCapturingGroups() + 1);
  if (!pattern.Match(piece(text), 0, text.size(), anchor, groups.data(), count)) return std::nullopt;
  std::string out;
  pattern.Rewrite(&out, rewrite_of(to), groups.data(), count);
  return out;
}

}  // namespace

KeyPattern::KeyPattern(std::string_view pattern) {
  if (pattern.size() > longest_pattern)
    throw InvalidError(
        fmt::format("is a regular expression of {} characters: at most {} are taken", pattern.size(), longest_pattern));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  pattern_ = std::make_shared<const re2::RE2>(piece(pattern), options);
  if (!pattern_->ok())
    throw InvalidError(
        fmt::format("is no regular expression: {} in {}", pattern_->error(), quote_name(pattern_->error_arg())));
}

void KeyPattern::check_replacement(std::string_view to) const {
  std::string error;
  if (!pattern_->CheckRewriteString(rewrite_of(to), &error))
    throw InvalidError(fmt::format("{} asks for a group that the pattern does not have: it has {}", quote_name(to),
                                   pattern_->NumberOfCapturingGroups()));
}

std::optional<std::string> KeyPattern::replace(std::string_view text, std::string_view to) const {
  std::string out(text);
  if (re2::RE2::GlobalReplace(&out, *pattern_, rewrite_of(to)) == 0) return std::nullopt;
  return out;
}

bool KeyPattern::finds(std::string_view text) const { return re2::RE2::PartialMatch(piece(text), *pattern_); }

std::optional<std::string> KeyPattern::expand(std::string_view text, std::string_view to) const {
  return matched(*pattern_, text, to, re2::RE2::ANCHOR_BOTH);
}

std::optional<std::string> KeyPattern::expand_found(std::string_view text, std::string_view to) const {
  return matched(*pattern_, text, to, re2::RE2::UNANCHORED);
}

}  // namespace daybook::detail
