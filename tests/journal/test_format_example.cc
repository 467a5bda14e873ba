// The worked example of schema/FORMAT.md is what the code writes, and says what the text beside it says.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "daybook/journal/reader.h"
#include "journal/damage.h"

namespace {

using namespace daybook;

std::vector<std::byte> example() {
  std::ifstream page(DAYBOOK_TESTS_DIR "/../schema/FORMAT.md");
  std::vector<std::byte> bytes;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```hex";
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line.substr(0, line.find('|')));
    std::string word;
    words >> word;
    CHECK(std::stoul(word, nullptr, 16) == bytes.size());
    while (words >> word) bytes.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

Uuid example_uuid() {
  Uuid uuid;
  for (std::size_t i = 0; i < uuid.size(); ++i) uuid[i] = static_cast<std::uint8_t>(0x11 * i);
  return uuid;
}

}  // namespace

TEST_CASE("the example in FORMAT.md is a record as the code writes it") {
  const auto expected = example();
  std::string why;
  const auto record = detail::find_record(expected, &why);
  INFO(why);
  REQUIRE(record);
  CHECK(record->bytes.size() == expected.size());
  CHECK(expected.size() == 248);
  CHECK(record->header.message_words == 23);
  CHECK(record->header.payload_bytes == 16);
  CHECK(record->header.sequence == 2);
  CHECK(std::ranges::equal(record->header.uuid, example_uuid()));
  CHECK(to_string(example_uuid()) == "00112233-4455-6677-8899-aabbccddeeff");

  const std::array<std::int32_t, 3> counts{5, 0, -7};
  auto info = damage::info();
  info.uuid = example_uuid();
  auto journal = Journal::create("j", info);
  Event event;
  Set set;
  set.value = Value::array(counts.data(), {counts.size()});
  event.body = std::move(set);
  event.key = "counts";
  event.time = 4102444800000000000;
  event.monotonic = 9000000000000000000;
  REQUIRE(journal.append(event) == 2);
  journal.finish();

  const auto extent = damage::records("j").at(2);
  std::vector<std::byte> written(extent.size);
  REQUIRE(detail::PageFile("j/data.mdb").read(extent.offset, written));
  CHECK(written == expected);

  const Reader reader("j");
  const auto read = reader.event(2);
  CHECK(read.key == "counts");
  CHECK(read.time == 4102444800000000000);
  CHECK(read.monotonic == 9000000000000000000);
  CHECK(read.previous == 0);
  CHECK(read.base == 2);
  CHECK(read.depth == 0);
  const auto& said = std::get<Set>(read.body);
  CHECK(said.archive);
  CHECK_FALSE(said.broadcast);
  CHECK_FALSE(said.persist);
  CHECK(said.metadata.empty());
  CHECK(said.options.empty());
  CHECK(said.value == Value::array(counts.data(), {counts.size()}));
}

TEST_CASE("the constants that FORMAT.md prints are the code's") {
  const auto bytes = [](std::uint64_t number) {
    std::string text(8, '\0');
    std::memcpy(text.data(), &number, text.size());
    return text;
  };
  CHECK(bytes(detail::record_magic).substr(0, 4) == "DBR1");
  CHECK(bytes(detail::intake_magic) == "BINTAK01");
  CHECK(detail::format_version == 0x80000002);
  CHECK(detail::max_record_payload == 1U << 24);
  CHECK(detail::max_message_words == 1U << 27);
  CHECK(sizeof(detail::IntakeHeader) == 56);
  CHECK(offsetof(detail::IntakeHeader, checksum) == 48);
  CHECK(detail::max_plain_key == 480);
  CHECK(detail::head_key(detail::Chain::dataset, "a") == std::string("\0a", 2));
  CHECK(detail::head_key(detail::Chain::archive, std::string(480, 'a')).size() == 481);
  CHECK(detail::head_key(detail::Chain::archive, std::string(481, 'a')).size() == 482);
  CHECK(detail::head_key(detail::Chain::attribute, "a", "b").size() == 33);
  CHECK(detail::head_key(detail::Chain::stage, {}) == std::string(1, '\3'));
}
