#include "daybook/materializer/large_value.h"

#include <algorithm>
#include <system_error>

namespace daybook::detail {
namespace {

// How far behind the newest part another one may still be used: blocks and chunks of a part's neighbours.
constexpr std::size_t still_used = 3;

bool overlap(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.data() < b.data() + b.size() && b.data() < a.data() + a.size();
}

}  // namespace

void check_parts_of(const Value& value, const std::vector<UncheckedPart>& parts) {
  if (parts.empty()) return;
  for (const auto piece : value.segments())
    for (const auto& part : parts)
      if (overlap(piece, part.bytes)) part.check();
  for (const auto& run : value.runs()) check_parts_of(run, parts);
}

void check_all(const std::vector<UncheckedPart>& parts) {
  for (const auto& part : parts) {
    part.check();
    part.release();
  }
}

PartedBytes::PartedBytes(const Value& value, const std::vector<UncheckedPart>& parts) {
  std::uint64_t offset = 0;
  for (const auto piece : value.segments()) {
    for (const auto& part : parts) {
      if (!overlap(piece, part.bytes)) continue;
      auto made = std::make_unique<Part>();
      made->unchecked = part;
      made->begin = offset;
      made->end = offset + piece.size();
      parts_.push_back(std::move(made));
    }
    offset += piece.size();
  }
}

PartedBytes::~PartedBytes() = default;

void PartedBytes::check(Part& part) {
  part.is_begun = true;
  // Not std::call_once: after an exception it waits for ever where pthread_once does not know exceptions, as under the
  // thread sanitizer (GCC bug 66146).
  const std::lock_guard lock(part.checking);
  if (part.is_checked) return;
  part.unchecked.check();
  part.is_checked = true;
}

void PartedBytes::require(std::uint64_t first, std::uint64_t count) {
  const auto behind =
      std::partition_point(parts_.begin(), parts_.end(), [&](const auto& part) { return part->end <= first; });
  for (auto part = behind; part != parts_.end() && (*part)->begin < first + count; ++part) {
    const auto index = static_cast<std::size_t>(part - parts_.begin());
    check_ahead(index + 1);
    if (!(*part)->is_checked) check(**part);
    if (index < still_used) continue;
    Part& passed = *parts_[index - still_used];
    if (passed.is_checked && !passed.is_released.exchange(true)) passed.unchecked.release();
  }
}

void PartedBytes::check_ahead(std::size_t index) {
  if (index >= parts_.size() || parts_[index]->is_begun || parts_[index]->is_begun.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  if (alone_) return;
  try {
    if (!ahead_) ahead_ = std::make_unique<WorkerPool>(1);
    ahead_->add([this, index](std::size_t) {
      try {
        check(*parts_[index]);
      } catch (...) {  // who needs the part finds out for himself
      }
    });
  } catch (const std::system_error&) {
    alone_ = true;
  }
}

}  // namespace daybook::detail
