#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daybook/materializer/daybook_plugin.h"
#include "daybook/materializer/transform.h"

// What lies behind the plug-in's opaque handles.
namespace daybook::detail {

// A transform as a plug-in registered it. Holds the library.
struct PluginTransform {
  std::shared_ptr<void> library;
  TransformInfo info;
  int (*check)(daybook_call*, void*) = nullptr;
  int (*apply)(daybook_call*, void*) = nullptr;
  void* user = nullptr;
};

// One that was made with options.
struct MadeTransform {
  std::shared_ptr<const PluginTransform> transform;
  OptionTable options;  // with defaults
  std::optional<Selection> selection;
};

const daybook_host& plugin_host();

// Each fills its part of the table.
void provide_registration(daybook_host& host);
void provide_options(daybook_host& host);
void provide_nodes(daybook_host& host);
void provide_edits(daybook_host& host);
void provide_values(daybook_host& host);

}  // namespace daybook::detail

struct daybook_registry {
  std::shared_ptr<void> library;
  std::vector<std::shared_ptr<daybook::detail::PluginTransform>> transforms;
  std::string error;
};

struct daybook_call {
  std::shared_ptr<const daybook::detail::MadeTransform> made;
  daybook::Plan* plan = nullptr;                // in apply()
  const daybook::StoredValue* value = nullptr;  // in a daybook_write, of a node with a value
  std::vector<bool> editable = {};              // node by node
  std::size_t own = 0;                          // nodes from here on were added by this call
  std::string error = {};
  std::deque<std::string> texts = {};      // that were handed out
  std::vector<std::string> elements = {};  // by the last read_texts()
};

namespace daybook::detail {

// Calls into the plug-in; InvalidError with what it said if it failed.
template <class Function, class... Arguments>
void call_plugin(daybook_call& call, Function* function, Arguments... arguments) {
  int code = 0;
  try {
    code = function(&call, arguments...);
  } catch (...) {
    throw InvalidError("a C++ exception left the plug-in's function, which must not be");
  }
  if (code != 0) throw InvalidError(call.error.empty() ? "the plug-in failed without saying why" : call.error);
}

// The other way: a C function of ours may not throw.
template <class Work>
int guarded(daybook_call* call, const Work& work) noexcept {
  try {
    work();
    return 0;
  } catch (const std::exception& e) {
    call->error = e.what();
  } catch (...) {
    call->error = "failed for an unknown reason";
  }
  return -1;
}

daybook_text hand_out(daybook_call* call, std::string text);
// InvalidError outside of apply(), or if there is no such node.
Plan& plan_of(daybook_call* call);
Node& node_at(daybook_call* call, std::size_t node);
void describe_value(daybook_call* call, Form form, const Type& type, const Shape& shape, daybook_value& out);

}  // namespace daybook::detail
