// Packed items: a nested value as one run of bytes, of use only to the ListFold that made it.
#include <algorithm>
#include <cstring>

#include "daybook/materializer/list_fold.h"

namespace daybook::detail {

namespace {

void put(std::vector<std::byte>& out, std::uint64_t number) {
  const auto bytes = std::as_bytes(std::span(&number, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put(std::vector<std::byte>& out, std::string_view text) {
  put(out, text.size());
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint64_t take(std::span<const std::byte>& in) {
  std::uint64_t number = 0;
  std::memcpy(&number, in.data(), sizeof number);
  in = in.subspan(sizeof number);
  return number;
}

std::span<const std::byte> take_bytes(std::span<const std::byte>& in) {
  const auto size = take(in);
  const auto bytes = in.first(size);
  in = in.subspan(size);
  return bytes;
}

std::string_view take_text(std::span<const std::byte>& in) {
  const auto bytes = take_bytes(in);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void ListFold::pack(const Value& value, std::vector<std::byte>& out) {
  put(out, static_cast<std::uint64_t>(value.form()));
  if (value.form() == Form::unstorable) {
    put(out, value.python_type());
    put(out, value.repr());
    return;
  }
  const auto known = std::find(types_.begin(), types_.end(), value.type());
  put(out, static_cast<std::uint64_t>(known - types_.begin()));
  if (known == types_.end()) types_.push_back(value.type());
  put(out, value.count());
  put(out, value.shape().size());
  for (const auto extent : value.shape()) put(out, extent);
  put(out, value.byte_size());
  const auto at = out.size();
  out.resize(at + value.byte_size());
  value.read_bytes(0, std::span(out).subspan(at));
  put(out, value.runs().size());
  for (const auto& run : value.runs()) pack(run, out);
}

Value ListFold::unpack_next(std::span<const std::byte>& in) const {
  const auto form = static_cast<Form>(take(in));
  if (form == Form::unstorable) {
    const auto python_type = take_text(in);
    return Value::unstorable(python_type, take_text(in));
  }
  const auto& type = types_[take(in)];
  const auto count = take(in);
  Shape shape;
  for (auto rank = take(in); rank > 0; --rank) shape.push_back(take(in));
  const auto bytes = take_bytes(in);
  std::vector<Value> runs;
  for (auto left = take(in); left > 0; --left) runs.push_back(unpack_next(in));
  return Value::raw(form, type, shape, count, {bytes}, std::move(runs));
}

Value ListFold::unpack(std::uint64_t position) const {
  std::uint64_t length = 0;
  store_.read(position, std::as_writable_bytes(std::span(&length, 1)));
  unpacked_.resize(length);
  store_.read(position + sizeof length, unpacked_);
  std::span<const std::byte> in = unpacked_;
  return unpack_next(in);
}

}  // namespace daybook::detail
