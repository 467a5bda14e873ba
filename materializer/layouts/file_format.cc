// file-format and no-file: the file as a whole.
#include <fmt/format.h>

#include <bit>

#include "daybook/materializer/layouts/built_in.h"

namespace daybook::layouts {
namespace {

using Version = FileProperties::Version;

constexpr std::int64_t least_block = 512;
constexpr std::int64_t most_block = std::int64_t{1} << 30;

Version version_of(const std::string& text) {
  if (text == "v18") return Version::v18;
  if (text == "v110") return Version::v110;
  return text == "latest" ? Version::latest : Version::earliest;
}

std::uint64_t user_block(const CheckedOptions& options, const std::string& text) {
  if (!options.has("user-block")) return text.empty() ? 0 : std::max<std::uint64_t>(std::bit_ceil(text.size()), 512);
  const std::int64_t bytes = options.integer("user-block");
  if (bytes != 0 && (bytes < least_block || !std::has_single_bit(static_cast<std::uint64_t>(bytes))))
    options.wrong("user-block",
                  fmt::format("is {}: HDF5 takes 0 or a power of two of at least {} bytes", bytes, least_block));
  if (text.size() > static_cast<std::uint64_t>(bytes))
    options.wrong("user-block-text", fmt::format("has {} bytes, the user block {}", text.size(), bytes));
  return static_cast<std::uint64_t>(bytes);
}

Transform make_file_format(const CheckedOptions& options) {
  std::optional<Version> low, high;
  if (options.has("low")) low = version_of(options.text("low"));
  if (options.has("high")) high = version_of(options.text("high"));
  if (low && high && *high < *low) options.wrong("high", "must not be older than low");
  const bool block = options.has("user-block") || options.has("user-block-text");
  const std::string text = options.has("user-block-text") ? options.text("user-block-text") : std::string();
  if (text.size() > static_cast<std::size_t>(most_block))
    options.wrong("user-block-text", fmt::format("has {} bytes: too long", text.size()));
  return [low, high, block, text, bytes = block ? user_block(options, text) : 0](Plan& plan) {
    FileProperties& file = plan.file;
    if (low) file.low = *low;
    if (high) file.high = *high;
    if (file.high < file.low)
      throw InvalidError("library versions: high would be older than low, which an earlier file-format has set");
    if (!block) return;
    file.user_block = bytes;
    file.user_block_text = text;
  };
}

Transform make_no_file(const CheckedOptions& options) {
  return [reason = options.text("reason"), if_empty = options.boolean("if-empty")](Plan& plan) {
    const bool empty = std::none_of(plan.nodes.begin(), plan.nodes.end(),
                                    [](const Node& node) { return node.state() != nullptr && node.is_written(); });
    if (!if_empty || empty) plan.file.no_file = reason;
  };
}

}  // namespace

void add_file_format(TransformRegistry& registry) {
  registry.add(
      {.name = "file-format",
       .summary = "Which HDF5 libraries must be able to read the file, and a text in front of it.",
       .options = {{.name = "low",
                    .type = OptionType::choice,
                    .help = "the oldest format that may be used: newer ones are smaller and faster with many objects",
                    .choices = {"earliest", "v18", "v110", "latest"}},
                   {.name = "high",
                    .type = OptionType::choice,
                    .help = "the newest format that may be used",
                    .choices = {"v18", "v110", "latest"}},
                   {.name = "user-block",
                    .type = OptionType::integer,
                    .help = "bytes in front of the HDF5 data: 0, or a power of two from 512",
                    .least = 0,
                    .most = most_block},
                   {.name = "user-block-text",
                    .help = "what stands there; without user-block, that is as large as needed"}}},
      make_file_format);
}

void add_no_file(TransformRegistry& registry) {
  registry.add({.name = "no-file",
                .summary = "Writes no file at all; the journal keeps everything.",
                .options = {{.name = "reason",
                             .help = "said where a file was expected",
                             .otherwise = std::string("the layout wants none")},
                            {.name = "if-empty",
                             .type = OptionType::boolean,
                             .help = "only if no dataset would be in it",
                             .otherwise = false}}},
               make_no_file);
}

}  // namespace daybook::layouts
