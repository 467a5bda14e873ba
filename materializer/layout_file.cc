#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>

#include "daybook/materializer/layout.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/option_toml.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using detail::quote_name;

constexpr std::size_t most_bytes = 1 << 20;  // more is no layout, but a file that was named by mistake
constexpr std::size_t most_includes = 16;    // one within the other

std::string read_text(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw StorageError(fmt::format("open layout {}: it is a folder, not a file", path.string()));
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_errno(fmt::format("open layout {}", path.string()), errno);
  std::string text(most_bytes + 1, '\0');  // may be a pipe, whose size nobody knows
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw StorageError(fmt::format("read layout {}: it cannot be read", path.string()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most_bytes)
    throw InvalidError(
        fmt::format("{}:1: this is no layout: a layout has at most {} bytes", path.string(), most_bytes));
  return text;
}

// One layout file. Throws InvalidError "FILE:LINE: REASON".
class LayoutFile {
 public:
  LayoutFile(const fs::path& path, const TransformRegistry& registry) : LayoutFile(path, read_text(path), registry) {}
  LayoutFile(const fs::path& path, std::string text, const TransformRegistry& registry)
      : path_(path), registry_(registry), text_(std::move(text)) {
    try {
      table_ = toml::parse(text_, path_.string());
    } catch (const toml::parse_error& e) {
      fail(e.source(), std::string(e.description()));
    }
    for (const auto& [key, node] : table_)
      if (key != "include" && key != "name" && key != "transform")
        fail(key.source(), fmt::format("unknown key {}{}", quote_name(key.str()),
                                       did_you_mean(key.str(), {"include", "name", "transform"})));
  }

  [[nodiscard]] const std::string& text() const { return text_; }

  [[nodiscard]] std::string name() const { return name_or(path_.stem().string()); }
  [[nodiscard]] std::string name_or(std::string otherwise) const {
    const toml::node* node = table_.get("name");
    if (node == nullptr) return otherwise;
    const auto* name = node->as_string();
    if (name == nullptr || name->get().empty()) fail(node->source(), "name must be a string that is not empty");
    return name->get();
  }

  struct Include {
    std::string file;  // as written
    toml::source_region where;
  };
  [[nodiscard]] std::vector<Include> includes() const {
    constexpr const char* wanted = "include must be a file's name or a list of them: include = [\"base.toml\"]";
    std::vector<Include> includes;
    const toml::node* node = table_.get("include");
    if (node == nullptr) return includes;
    const auto add = [&](const toml::node& item) {
      const auto* file = item.as_string();
      if (file == nullptr || file->get().empty() || file->get().find('\0') != std::string::npos)
        fail(item.source(), wanted);
      includes.push_back({file->get(), item.source()});
    };
    if (const toml::array* list = node->as_array())
      for (const toml::node& item : *list) add(item);
    else
      add(*node);
    return includes;
  }

  [[nodiscard]] std::vector<LayoutStep> steps() const {
    constexpr const char* wanted = "transform must be a list of tables: write [[transform]]";
    std::vector<LayoutStep> steps;
    const toml::node* node = table_.get("transform");
    if (node == nullptr) return steps;
    const toml::array* list = node->as_array();
    if (list == nullptr) fail(node->source(), wanted);
    for (const toml::node& entry : *list) {
      const toml::table* table = entry.as_table();
      if (table == nullptr) fail(entry.source(), wanted);
      steps.push_back(step(*table));
    }
    return steps;
  }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& why) const {
    throw InvalidError(fmt::format("{}: {}", place(where), why));
  }
  [[nodiscard]] std::string place(const toml::source_region& where) const {
    return fmt::format("{}:{}", path_.string(), std::max<toml::source_index>(where.begin.line, 1));
  }

 private:
  [[nodiscard]] LayoutStep step(const toml::table& table) const {
    const toml::node* use = table.get("use");
    if (use == nullptr)
      fail(table.source(), "a transform without \"use\": name the transform, such as use = \"compress\"");
    if (!use->is_string()) fail(use->source(), "use must be a string, the name of a transform");
    const std::string name = use->as_string()->get();
    const std::vector<std::string> known = registry_.names();
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(use->source(), fmt::format("unknown transform {}{}", quote_name(name), did_you_mean(name, known)));

    TransformOptions options;
    for (const auto& [key, node] : table)
      if (key != "use") options.emplace(key.str(), option(key.str(), node));
    try {
      return {name, options, registry_.make(name, options), place(table.source())};
    } catch (const OptionError& e) {
      const toml::node* node = table.get(e.option);
      fail(node != nullptr ? node->source() : table.source(), e.what());
    } catch (Error& e) {
      e.add_context(place(table.source()));
      throw;
    }
  }

  [[nodiscard]] OptionValue option(std::string_view name, const toml::node& node) const {
    OptionValue value = false;
    if (const toml::node* fault = detail::to_option(node, value))
      fail(fault->source(),
           fmt::format("option {} must not be a date or a time: write it as a string", quote_name(name)));
    return value;
  }

  fs::path path_;
  const TransformRegistry& registry_;
  std::string text_;
  toml::table table_;
};

// Follows includes, depth first.
class LayoutLoader {
 public:
  explicit LayoutLoader(const TransformRegistry& registry) : registry_(registry) {}

  Layout load(const fs::path& file) {
    const LayoutFile top(file, registry_);
    layout_.name = top.name();
    add(top, file, file.filename().string());
    return std::move(layout_);
  }

 private:
  void add(const LayoutFile& file, const fs::path& path, const std::string& written) {
    open_.push_back(fs::weakly_canonical(path));
    for (const LayoutFile::Include& include : file.includes()) follow(file, path, include);
    // Made before their text is kept, so that a fault in it is found with nothing else wrong.
    for (LayoutStep& step : file.steps()) layout_.steps.push_back(std::move(step));
    if (!layout_.text.empty() && !layout_.text.ends_with('\n')) layout_.text += '\n';
    const std::string quoted = quote_name(written);  // a line end in a name must not end the comment
    layout_.text += fmt::format("# {}\n{}", std::string_view(quoted).substr(1, quoted.size() - 2), file.text());
    done_.insert(open_.back());
    open_.pop_back();
  }

  void follow(const LayoutFile& from, const fs::path& from_path, const LayoutFile::Include& include) {
    const fs::path path = (from_path.parent_path() / include.file).lexically_normal();
    const std::string doing = "include " + quote_name(include.file);
    std::error_code ignored;
    const fs::path canonical = fs::weakly_canonical(path, ignored);
    if (std::find(open_.begin(), open_.end(), canonical) != open_.end())
      from.fail(include.where, doing + ": this file is being read already: files that include each other have no end");
    if (done_.contains(canonical)) return;
    if (open_.size() >= most_includes)
      from.fail(include.where, fmt::format("{}: more than {} files within each other", doing, most_includes));
    try {
      const LayoutFile file(path, registry_);
      // Of an absolute name only the last part goes into the text.
      add(file, path, fs::path(include.file).is_absolute() ? path.filename().string() : include.file);
    } catch (const StorageError& e) {
      from.fail(include.where, fmt::format("{}: {}", doing, e.what()));
    } catch (const InvalidError& e) {
      const std::string said_by = fmt::format(" (included by {})", from.place(include.where));
      throw InvalidError(e.what() + said_by);
    }
  }

  const TransformRegistry& registry_;
  Layout layout_{.name = {}, .text = {}, .steps = {}};
  std::vector<fs::path> open_;  // being read: each includes the next
  std::set<fs::path> done_;
};

}  // namespace

Layout parse_layout(const std::string& text, const TransformRegistry& registry, const std::string& source) {
  const LayoutFile file(source, text, registry);
  if (const auto includes = file.includes(); !includes.empty())
    file.fail(includes.front().where, "a layout that stands alone cannot include a file");
  return {.name = file.name_or("run"), .text = text, .steps = file.steps()};
}

Layout load_layout(const fs::path& file, const TransformRegistry& registry) {
  return LayoutLoader(registry).load(file);
}

}  // namespace daybook
