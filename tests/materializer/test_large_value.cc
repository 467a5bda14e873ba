// Parts of a large value: each checked once, before its bytes are used; those that were passed give their memory back.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/materializer/large_value.h"

namespace {

using namespace daybook;

constexpr std::size_t count = 20, part_bytes = 1000;

struct Parted {
  std::vector<std::byte> bytes = std::vector<std::byte>(count * part_bytes);
  std::vector<std::atomic<int>> checks = std::vector<std::atomic<int>>(count);
  std::vector<std::atomic<int>> releases = std::vector<std::atomic<int>>(count);
  std::size_t damaged = count;

  [[nodiscard]] std::span<const std::byte> part(std::size_t i) const {
    return std::span(bytes).subspan(i * part_bytes, part_bytes);
  }
  std::vector<UncheckedPart> parts() {
    std::vector<UncheckedPart> made;
    for (std::size_t i = 0; i < count; ++i)
      made.push_back({part(i),
                      [this, i] {
                        ++checks[i];
                        if (i == damaged) throw CorruptError("part is damaged");
                      },
                      [this, i] { ++releases[i]; }});
    return made;
  }
  [[nodiscard]] Value value() const {
    std::vector<std::span<const std::byte>> pieces;
    for (std::size_t i = 0; i < count; ++i) pieces.push_back(part(i));
    return Value::raw(Form::array, Type::of<std::uint8_t>(), {bytes.size()}, 1, pieces);
  }
};

}  // namespace

TEST_CASE("parts of a value are checked once and given back when they are passed") {
  Parted parted;
  const auto value = parted.value();
  {
    detail::PartedBytes bytes(value, parted.parts());
    for (std::uint64_t first = 0; first < parted.bytes.size(); first += 300) {
      bytes.require(first, std::min<std::uint64_t>(300, parted.bytes.size() - first));
      const auto newest = std::min<std::uint64_t>(first + 299, parted.bytes.size() - 1) / part_bytes;
      REQUIRE(parted.checks[newest] == 1);
      // The thread ahead has time enough to have checked the next one.
      for (int i = 0; i < 1000 && newest + 1 < count && parted.checks[newest + 1] == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      // What is held at any time is a few parts, whatever the thread ahead has done.
      std::size_t held = 0;
      for (std::size_t i = 0; i <= newest; ++i) held += parted.releases[i] == 0 ? 1U : 0U;
      REQUIRE(held <= 4);
    }
  }
  for (std::size_t i = 0; i < count; ++i) CHECK(parted.checks[i] == 1);
}

TEST_CASE("bytes of a damaged part are refused, each time") {
  Parted parted;
  parted.damaged = 7;
  const auto value = parted.value();
  detail::PartedBytes bytes(value, parted.parts());
  CHECK_NOTHROW(bytes.require(0, 7 * part_bytes));
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(bytes.require(7 * part_bytes + 5, 1), CorruptError);
  CHECK_NOTHROW(bytes.require(8 * part_bytes, part_bytes));
}
