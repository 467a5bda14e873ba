#include "daybook/journal/record.h"

#define XXH_INLINE_ALL  // short inputs are hashed several times faster inline
#include <xxhash.h>

#include <array>
#include <cstring>

#include "daybook/journal/bulk_hash.h"

namespace daybook::detail {

namespace {

constexpr std::size_t least_bulk = 1024;  // below it a call through a pointer costs more than it brings
constexpr std::size_t most_pieces = 16;

}  // namespace

std::uint64_t payload_hash(std::span<const std::byte> padded_payload) {
  if (padded_payload.size() <= least_bulk)
    return padded_payload.empty() ? 0 : XXH3_64bits(padded_payload.data(), padded_payload.size());
  return bulk_hash().hash(padded_payload.data(), padded_payload.size());
}

std::uint64_t copy_and_hash(std::byte* to, std::span<const std::span<const std::byte>> pieces, std::uint64_t bytes,
                            std::uint64_t* first_hash) {
  if (bytes <= least_bulk || pieces.size() > most_pieces) {
    auto* end = to;
    for (const auto& piece : pieces) {
      std::memcpy(end, piece.data(), piece.size());
      end += piece.size();
    }
    if (first_hash != nullptr) *first_hash = payload_hash({to, pieces.empty() ? 0 : pieces.front().size()});
    return payload_hash({to, bytes});
  }
  std::array<BulkPiece, most_pieces> bulk;
  for (std::size_t i = 0; i < pieces.size(); ++i) bulk[i] = {pieces[i].data(), pieces[i].size()};
  return bulk_hash().copy_and_hash(to, bulk.data(), pieces.size(), first_hash);
}

std::uint64_t record_checksum(const RecordHeader& header, std::span<const std::byte> message,
                              std::uint64_t payload_hash) {
  const auto head = XXH3_64bits_withSeed(&header, offsetof(RecordHeader, checksum), payload_hash);
  return XXH3_64bits_withSeed(message.data(), message.size(), head);
}

std::optional<RecordView> find_record(std::span<const std::byte> bytes, std::string* why) {
  const auto fail = [why](std::string reason) -> std::optional<RecordView> {
    if (why != nullptr) *why = std::move(reason);
    return std::nullopt;
  };
  RecordView view{};
  if (bytes.size() < sizeof view.header) return fail("cut short inside the record header");
  std::memcpy(&view.header, bytes.data(), sizeof view.header);
  const auto& header = view.header;
  if (!is_record_magic(header.magic)) return fail("no record header");
  if (header.message_words == 0 || header.message_words > max_message_words ||
      header.payload_bytes > max_record_payload) {
    return fail("lengths in the record header are out of bounds");
  }
  const auto total = record_bytes(header.message_words, header.payload_bytes);
  if (total > bytes.size())
    return fail("cut short: " + std::to_string(bytes.size()) + " of " + std::to_string(total) + " bytes");
  view.bytes = bytes.first(total);
  view.message = view.bytes.subspan(sizeof header, std::size_t{header.message_words} * 8);
  const auto padded_payload = view.bytes.subspan(sizeof header + view.message.size());
  if (record_checksum(header, view.message, payload_hash(padded_payload)) != header.checksum) {
    return fail("checksum does not match");
  }
  view.payload = padded_payload.first(header.payload_bytes);
  return view;
}

std::string head_key(Chain chain, std::string_view key, std::string_view attribute) {
  std::string head(1, static_cast<char>(chain));
  const auto add_hash = [&head](std::string_view text) {
    const auto hash = XXH3_128bits(text.data(), text.size());
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    head.append(reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest);
  };
  if (chain == Chain::attribute) {
    // All attributes of a dataset stand together, whatever their names are.
    add_hash(key);
    add_hash(attribute);
  } else if (key.size() <= max_plain_key) {
    head += key;
  } else {
    // One byte longer than any plain key, so that the two can never be the same.
    head.append(key.substr(0, max_plain_key - 15));
    add_hash(key);
  }
  return head;
}

}  // namespace daybook::detail
