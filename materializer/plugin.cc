#include "daybook/materializer/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "daybook/materializer/floating_point.h"
#include "daybook/materializer/object_path.h"
#include "daybook/materializer/plugin_call.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using detail::MadeTransform;
using detail::PluginTransform;
using detail::quote_name;

std::string last_dl_error() {
  const char* error = dlerror();
  std::string text = error == nullptr ? "unknown reason" : error;
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::shared_ptr<void> open_library(const fs::path& path, const std::string& doing) {
  std::error_code error;
  // Absolute: a bare name would be looked for in the system's folders.
  const fs::path file = fs::absolute(path, error);
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) throw_errno(doing, error ? error.value() : ENOENT);
  if (fs::is_directory(status)) throw UnsupportedError(doing + ": it is a folder, not a shared library");
  const detail::FloatingPointKeeper keeper;
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw UnsupportedError(fmt::format("{}: it cannot be loaded: {}", doing, last_dl_error()));
  return {handle, [](void* library) { dlclose(library); }};
}

template <class Function>
Function* find_function(const std::shared_ptr<void>& library, const char* name, const std::string& doing) {
  void* const symbol = dlsym(library.get(), name);
  if (symbol == nullptr)
    throw UnsupportedError(
        fmt::format("{}: it is no plug-in of Daybook: it has no function {} (see daybook_plugin.h)", doing, name));
  return reinterpret_cast<Function*>(symbol);
}

void run_check(const std::shared_ptr<const MadeTransform>& made) {
  const PluginTransform& transform = *made->transform;
  if (transform.check == nullptr) return;
  daybook_call call{.made = made};
  detail::call_plugin(call, transform.check, transform.user);
}

void run_apply(const std::shared_ptr<const MadeTransform>& made, Plan& plan) {
  const PluginTransform& transform = *made->transform;
  daybook_call call{.made = made, .plan = &plan, .own = plan.nodes.size()};
  call.editable.reserve(plan.nodes.size());
  for (const Node& node : plan.nodes) call.editable.push_back(!made->selection || made->selection->matches(plan, node));
  detail::call_plugin(call, transform.apply, transform.user);
}

Transform make(const std::shared_ptr<const PluginTransform>& transform, const CheckedOptions& options) {
  const auto made = std::make_shared<MadeTransform>();
  made->transform = transform;
  for (const OptionInfo& option : transform->info.options)
    if (options.has(option.name)) made->options.emplace(option.name, options.any(option.name));
  if (transform->info.selects) made->selection.emplace(options);
  try {
    run_check(made);
  } catch (Error& e) {
    e.add_context("transform " + transform->info.name);
    throw;
  }
  return [made = std::shared_ptr<const MadeTransform>(made)](Plan& plan) { run_apply(made, plan); };
}

}  // namespace

void load_plugin(const fs::path& library, TransformRegistry& registry) {
  const std::string doing = "load plug-in " + library.string();
  daybook_registry found{.library = open_library(library, doing), .transforms = {}, .error = {}};
  auto* const abi = find_function<std::uint32_t()>(found.library, "daybook_plugin_abi", doing);
  auto* const enter =
      find_function<int(const daybook_host*, daybook_registry*)>(found.library, "daybook_plugin_register", doing);
  if (const std::uint32_t version = abi(); version != DAYBOOK_PLUGIN_ABI)
    throw UnsupportedError(fmt::format(
        "{}: it is made for version {} of the plug-in interface, and this Daybook has version {}: compile it "
        "with this Daybook's daybook_plugin.h",
        doing, version, DAYBOOK_PLUGIN_ABI));
  if (enter(&detail::plugin_host(), &found) != 0)
    throw InvalidError(
        fmt::format("{}: {}", doing, found.error.empty() ? "it refuses without saying why" : found.error));

  std::vector<std::string> taken = registry.names();
  for (const auto& transform : found.transforms) {
    if (std::find(taken.begin(), taken.end(), transform->info.name) != taken.end())
      throw InvalidError(
          fmt::format("{}: the name of its transform {} is taken", doing, quote_name(transform->info.name)));
    taken.push_back(transform->info.name);
  }
  if (found.transforms.empty()) throw InvalidError(doing + ": it registers no transform");
  for (const auto& transform : found.transforms)
    registry.add(transform->info, [transform](const CheckedOptions& options) { return make(transform, options); });
}

}  // namespace daybook
