#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "daybook/materializer/cast.h"
#include "daybook/materializer/plugin_call.h"

// What a plug-in's daybook_write may read.
namespace daybook::detail {
namespace {

constexpr std::uint64_t block = 8192;  // elements converted at once

bool is_real_number(const Type& type) { return type.is_number() && type.kind() != Kind::complex; }

const StoredValue& value_of(daybook_call* call) {
  if (call->value == nullptr) throw InvalidError("the plug-in asks for a value where there is none");
  return *call->value;
}

const StoredValue& range_of(daybook_call* call, std::uint64_t first, std::uint64_t count) {
  const StoredValue& value = value_of(call);
  if (first > value.count() || count > value.count() - first)
    throw InvalidError(fmt::format("the plug-in reads elements {} to {} of {}", first, first + count, value.count()));
  return value;
}

int value(daybook_call* call, daybook_value* out) {
  return guarded(call, [&] {
    const StoredValue& held = value_of(call);
    describe_value(call, held.form, held.type, held.shape, *out);
  });
}

int read(daybook_call* call, std::uint64_t first, std::uint64_t count, void* out) {
  return guarded(call, [&] {
    const StoredValue& held = range_of(call, first, count);
    if (held.type.is_variable())
      throw InvalidError("the plug-in reads elements of variable length with read(): use read_texts()");
    if (count > 0) held.elements->read(first, count, static_cast<std::byte*>(out));
  });
}

int read_numbers(daybook_call* call, std::uint64_t first, std::uint64_t count, double* out) {
  return guarded(call, [&] {
    const StoredValue& held = range_of(call, first, count);
    if (!is_real_number(held.type))
      throw InvalidError(fmt::format("the plug-in reads numbers, but the value's type is {}", held.type.name()));
    const Cast cast(held.type, Type::of<double>());
    std::vector<std::byte> raw(std::min(count, block) * held.type.size());
    for (std::uint64_t done = 0; done < count; done += block) {
      const std::uint64_t now = std::min(block, count - done);
      held.elements->read(first + done, now, raw.data());
      cast(raw.data(), reinterpret_cast<std::byte*>(out + done), now);
    }
  });
}

int read_texts(daybook_call* call, std::uint64_t first, std::uint64_t count, daybook_text* out) {
  return guarded(call, [&] {
    const StoredValue& held = range_of(call, first, count);
    if (held.type.kind() != Kind::string)
      throw InvalidError(fmt::format("the plug-in reads texts, but the value's type is {}", held.type.name()));
    std::vector<std::string_view> views(count);
    if (count > 0) held.elements->read_variable(first, count, views.data());
    call->elements.assign(views.begin(), views.end());
    for (std::uint64_t i = 0; i < count; ++i) out[i] = {call->elements[i].c_str(), call->elements[i].size()};
  });
}

}  // namespace

void describe_value(daybook_call* call, Form form, const Type& type, const Shape& shape, daybook_value& out) {
  out = {};
  out.type = hand_out(call, type.name());
  out.is_number = is_real_number(type) ? 1 : 0;
  out.rank = shape.size();
  std::copy(shape.begin(), shape.end(), out.shape);
  out.count = form == Form::null ? 0 : element_count(shape);
  out.element_size = type.is_variable() ? 0 : type.size();
}

void provide_values(daybook_host& host) {
  host.value = value;
  host.read = read;
  host.read_numbers = read_numbers;
  host.read_texts = read_texts;
}

}  // namespace daybook::detail
