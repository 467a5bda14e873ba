#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "daybook/materializer/object_path.h"
#include "daybook/materializer/option_toml.h"
#include "daybook/materializer/plugin_call.h"

namespace daybook::detail {
namespace {

constexpr std::size_t most_name = 64;

void check_name(const char* name, std::string_view what) {
  if (name == nullptr) throw InvalidError(fmt::format("{} has no name", what));
  const std::string_view text = name;
  const bool good = !text.empty() && text.size() <= most_name &&
                    text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
  if (!good)
    throw InvalidError(
        fmt::format("{} is called {}: names are lower case letters, digits and \"-\"", what, quote_name(text)));
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

OptionType option_type(std::int32_t type) {
  switch (type) {
    case DAYBOOK_BOOLEAN:
      return OptionType::boolean;
    case DAYBOOK_INTEGER:
      return OptionType::integer;
    case DAYBOOK_NUMBER:
      return OptionType::number;
    case DAYBOOK_TEXT:
      return OptionType::text;
    case DAYBOOK_CHOICE:
      return OptionType::choice;
    case DAYBOOK_TEXTS:
      return OptionType::texts;
    case DAYBOOK_INTEGERS:
      return OptionType::integers;
    case DAYBOOK_TABLE:
      return OptionType::table;
    default:
      throw InvalidError(fmt::format("has a type with the unknown number {}", type));
  }
}

OptionInfo read_option(const daybook_option& given) {
  OptionInfo option{.name = given.name,
                    .type = option_type(given.type),
                    .help = text_or_empty(given.help),
                    .required = given.required != 0};
  if (given.least != 0 || given.most != 0) {
    option.least = given.least;
    option.most = given.most;
  }
  for (const char* const* choice = given.choices; choice != nullptr && *choice != nullptr; ++choice)
    option.choices.emplace_back(*choice);
  if ((option.type == OptionType::choice) == option.choices.empty())
    throw InvalidError("must have choices if and only if it is of DAYBOOK_CHOICE");
  if (given.otherwise != nullptr) option.otherwise = parse_option(given.otherwise);
  return option;
}

// A default has to be what the option itself would accept.
void check_default(const std::string& transform, const OptionInfo& option) {
  if (!option.otherwise) return;
  const TransformInfo alone{.name = transform, .summary = {}, .options = {option}};
  try {
    static_cast<void>(CheckedOptions(alone, {{option.name, *option.otherwise}}));
  } catch (const OptionError& e) {
    throw InvalidError(fmt::format("its default is wrong: {}", e.what()));
  }
}

void add_option(TransformInfo& info, const daybook_option& given) {
  check_name(given.name, "an option of it");
  try {
    OptionInfo option = read_option(given);
    check_default(info.name, option);
    if (option.name == "use") throw InvalidError("takes the name of the word that names the transform");
    for (const OptionInfo& known : info.options)
      if (known.name == option.name) throw InvalidError("is there twice");
    if (info.selects)
      for (const OptionInfo& known : selection_options())
        if (known.name == option.name && known.type != option.type)
          throw InvalidError("must have the type that it has in every transform that selects");
    info.options.push_back(std::move(option));
  } catch (Error& e) {
    e.add_context(fmt::format("option {}", quote_name(given.name)));
    throw;
  }
}

void add(daybook_registry& registry, const daybook_transform& given) {
  check_name(given.name, "a transform");
  try {
    if (given.apply == nullptr) throw InvalidError("it has no apply()");
    const auto transform = std::make_shared<PluginTransform>();
    transform->library = registry.library;
    transform->info.name = given.name;
    transform->info.summary = text_or_empty(given.summary);
    transform->info.selects = given.selects != 0;
    transform->info.omits = given.omits != 0;
    for (std::size_t i = 0; i < given.option_count; ++i) add_option(transform->info, given.options[i]);
    transform->check = given.check;
    transform->apply = given.apply;
    transform->user = given.user;
    registry.transforms.push_back(transform);
  } catch (Error& e) {
    e.add_context(fmt::format("transform {}", quote_name(given.name)));
    throw;
  }
}

int add_transform(daybook_registry* registry, const daybook_transform* transform) {
  try {
    add(*registry, *transform);
    return 0;
  } catch (const std::exception& e) {
    registry->error = e.what();
    return -1;
  }
}

int fail_registering(daybook_registry* registry, const char* text) {
  registry->error = text_or_empty(text);
  return -1;
}

int fail(daybook_call* call, const char* text) {
  call->error = text_or_empty(text);
  return -1;
}

// Null: not given, and no default.
const OptionValue* find_option(const daybook_call* call, const char* name) {
  const std::vector<OptionInfo>& known = call->made->transform->info.options;
  const std::string_view wanted = name == nullptr ? "" : name;
  if (std::none_of(known.begin(), known.end(), [&](const OptionInfo& option) { return option.name == wanted; }))
    throw InvalidError(fmt::format("the plug-in asks for an option that it has not described: {}", quote_name(wanted)));
  const auto found = call->made->options.find(wanted);
  return found == call->made->options.end() ? nullptr : &found->second;
}

std::size_t option_size(daybook_call* call, const char* name) {
  std::size_t size = 0;
  guarded(call, [&] {
    const OptionValue* value = find_option(call, name);
    if (value == nullptr) return;
    const auto* list = std::get_if<OptionList>(value);
    const auto* table = std::get_if<OptionTable>(value);
    size = list != nullptr ? list->size() : table != nullptr ? table->size() : 1;
  });
  return size;
}

OptionTable::const_iterator entry_at(const OptionTable& table, std::size_t index) {
  return std::next(table.begin(), static_cast<std::ptrdiff_t>(index));
}

daybook_scalar to_scalar(daybook_call* call, const OptionValue& value) {
  daybook_scalar out{};
  if (const auto* flag = std::get_if<bool>(&value)) {
    out.type = DAYBOOK_BOOLEAN;
    out.integer = *flag ? 1 : 0;
    out.number = *flag ? 1 : 0;
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out.type = DAYBOOK_INTEGER;
    out.integer = *integer;
    out.number = static_cast<double>(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    out.type = DAYBOOK_NUMBER;
    out.number = *number;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out.type = DAYBOOK_TEXT;
    out.text = hand_out(call, *text);
  } else {
    throw InvalidError("an option's value is a list within a list or table");
  }
  return out;
}

int option(daybook_call* call, const char* name, std::size_t index, daybook_scalar* out) {
  return guarded(call, [&] {
    if (index >= option_size(call, name))
      throw InvalidError(call->error.empty() ? fmt::format("option {} has no value {}", name, index) : call->error);
    const OptionValue* value = find_option(call, name);
    if (const auto* list = std::get_if<OptionList>(value))
      value = &(*list)[index];
    else if (const auto* table = std::get_if<OptionTable>(value))
      value = &entry_at(*table, index)->second;
    *out = to_scalar(call, *value);
  });
}

int option_name(daybook_call* call, const char* name, std::size_t index, daybook_text* out) {
  return guarded(call, [&] {
    const OptionValue* value = find_option(call, name);
    const auto* table = value == nullptr ? nullptr : std::get_if<OptionTable>(value);
    if (table == nullptr || index >= table->size())
      throw InvalidError(fmt::format("option {} is no table with a name {}", name, index));
    *out = hand_out(call, entry_at(*table, index)->first);
  });
}

}  // namespace

daybook_text hand_out(daybook_call* call, std::string text) {
  const std::string& kept = call->texts.emplace_back(std::move(text));
  return {kept.c_str(), kept.size()};
}

void provide_registration(daybook_host& host) {
  host.add_transform = add_transform;
  host.fail_registering = fail_registering;
  host.fail = fail;
}

void provide_options(daybook_host& host) {
  host.option_size = option_size;
  host.option = option;
  host.option_name = option_name;
}

const daybook_host& plugin_host() {
  static const daybook_host host = [] {
    daybook_host table{};
    table.size = sizeof table;
    provide_registration(table);
    provide_options(table);
    provide_nodes(table);
    provide_edits(table);
    provide_values(table);
    return table;
  }();
  return host;
}

}  // namespace daybook::detail
