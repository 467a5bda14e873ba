#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/materializer/layout.h"

namespace daybook {

// An option of a transform that is unknown, of the wrong type or out of range. Names the option, so that who read it
// from a file can name the line.
struct OptionError : InvalidError {
  OptionError(std::string option_name, const std::string& message)
      : InvalidError(message), option(std::move(option_name)) {}
  std::string option;
};

// How a transform's maker reads its options: ask for each, with the default, then call done(), which throws for those
// that nobody asked for. Everything throws OptionError.
class OptionReader {
 public:
  OptionReader(std::string transform, const TransformOptions& options)
      : transform_(std::move(transform)), options_(options) {}

  bool boolean(const std::string& name, bool otherwise);
  std::int64_t integer(const std::string& name, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  std::string text(const std::string& name, const std::string& otherwise);
  std::string choice(const std::string& name, const std::string& otherwise, std::span<const std::string_view> choices);
  std::vector<std::string> texts(const std::string& name,
                                 const std::vector<std::string>& otherwise);  // a single string is a list of one
  void done() const;

 private:
  const OptionValue* find(const std::string& name);
  [[noreturn]] void wrong(const std::string& name, std::string_view wanted) const;

  std::string transform_;
  const TransformOptions& options_;
  std::set<std::string> asked_;
};

// " (did you mean \"gzip\"?)" for the known name nearest to a misspelt one, " (known: a, b)" if none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace daybook
