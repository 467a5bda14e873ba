#pragma once

// The bytes that intake, LMDB and salvage share. schema/FORMAT.md tells the same with reasons.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "daybook/journal/event.h"

namespace daybook::detail {

// A record: this header, the Cap'n Proto message (one segment, no framing), the payload, which is a multiple of eight
// bytes long because each value in it is filled up with zero bytes. Numbers are little-endian.
struct RecordHeader {
  std::uint32_t magic;          // record_magic or elided_magic
  std::uint32_t message_words;  // length of the message in 8-byte words
  std::uint64_t payload_bytes;  // of all values, each with the zero bytes behind it
  std::uint64_t sequence;
  std::uint8_t uuid[16];   // of the run
  std::uint64_t checksum;  // over header (this field left out), message and padded payload: see record_checksum()
};
static_assert(sizeof(RecordHeader) == 48 && std::is_trivially_copyable_v<RecordHeader>);

inline constexpr std::uint32_t record_magic = 0x31524244;  // "DBR1"
// A record whose value retention has dropped: header and message as they were (but for lengths and checksum), and of
// the payload only what metadata and options need.
inline constexpr std::uint32_t elided_magic = 0x31454244;  // "DBE1"
constexpr bool is_record_magic(std::uint32_t magic) { return magic == record_magic || magic == elided_magic; }

// One record never carries more payload than this; longer values are split into `part` events.
inline constexpr std::uint64_t max_record_payload = std::uint64_t{16} << 20;
// Bounds for readers of suspect bytes.
inline constexpr std::uint64_t max_message_words = std::uint64_t{1} << 27;

// Format number in the `run` database: releases count up from 1; development versions carry the bit above.
inline constexpr std::uint32_t development_format = 0x8000'0000U;
inline constexpr std::uint32_t format_version = development_format | 2;

constexpr std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) & ~std::uint64_t{7}; }
constexpr std::uint64_t record_bytes(std::uint64_t message_words, std::uint64_t payload_bytes) {
  return sizeof(RecordHeader) + message_words * 8 + padded(payload_bytes);
}

// The hash of a record: XXH3-64 over the padded payload seeds XXH3-64 over the first 40 header bytes, whose result seeds
// XXH3-64 over the message.
std::uint64_t payload_hash(std::span<const std::byte> padded_payload);  // 0 for an empty payload
// Copies a payload in pieces to `to`, each byte once, and returns the hash of what came to stand there: what the pieces
// point to may change at any time, and a record is right whatever it caught of it. `bytes`: of all of them. `first_hash`:
// XXH3-64 of the first piece alone, as it was copied.
std::uint64_t copy_and_hash(std::byte* to, std::span<const std::span<const std::byte>> pieces, std::uint64_t bytes,
                            std::uint64_t* first_hash = nullptr);
std::uint64_t record_checksum(const RecordHeader& header, std::span<const std::byte> message,
                              std::uint64_t payload_hash);

// A record whose bounds and checksum are good, looked at in place.
struct RecordView {
  RecordHeader header;
  std::span<const std::byte> bytes;  // all of it
  std::span<const std::byte> message;
  std::span<const std::byte> payload;  // without padding

  [[nodiscard]] bool is_elided() const { return header.magic == elided_magic; }
};

// Looks at the record at the start of `bytes` (which may go on behind it). Empty if it is not an intact record, with
// the reason in `why` when asked for. Reads inside `bytes` only, whatever they hold.
std::optional<RecordView> find_record(std::span<const std::byte> bytes, std::string* why = nullptr);

// In the intake each record stands behind this word: its position. Positions count bytes since the intake was made and
// never restart, so a position modulo the ring's size is the place and divided by it the lap.
inline constexpr std::uint64_t intake_frame_bytes = 8;
inline constexpr std::uint64_t intake_magic = 0x31304b4154'4e4942ULL;
// First page of the intake file; the ring follows at intake_header_bytes.
struct IntakeHeader {
  std::uint64_t magic;    // intake_magic
  std::uint32_t version;  // format_version
  std::uint32_t header_bytes;
  std::uint64_t capacity;  // bytes of the ring: a multiple of 4096
  std::uint64_t id;        // random: ties the position in the `run` database to this very file
  std::uint8_t uuid[16];   // of the run
  std::uint64_t checksum;  // XXH3-64 over the bytes before
};
inline constexpr std::uint64_t intake_header_bytes = 4096;

// Databases and keys inside data.mdb.
inline constexpr const char* run_db = "run";
inline constexpr const char* events_db = "events";
inline constexpr const char* heads_db = "heads";
inline constexpr const char* checkpoints_db = "checkpoints";
inline constexpr const char* payloads_db = "payloads";      // see retention.h
inline constexpr const char* superseded_db = "superseded";  //   "
inline constexpr const char* detours_db = "detours";        // only in a journal that salvage made
inline constexpr const char* format_key = "format";         // 4 bytes, little-endian
inline constexpr const char* info_key = "info";             // a RunInfo message
inline constexpr const char* state_key = "state";           // a State message
inline constexpr const char* salvage_key = "salvage";       // a Salvage message; only in a journal that salvage made

// Key of `heads`: one byte for the chain, then the dataset's name if it fits, or its first bytes and its hash.
// The value is the sequence number of the chain's newest event, 8 bytes little-endian.
enum class Chain : std::uint8_t { dataset = 0, archive = 1, attribute = 2, stage = 3 };
inline constexpr std::size_t max_plain_key = 480;
std::string head_key(Chain chain, std::string_view key, std::string_view attribute = {});

}  // namespace daybook::detail
