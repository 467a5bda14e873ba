#pragma once

// What a Journal is inside: linker, encoder and committer put together.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "daybook/journal/clock.h"
#include "daybook/journal/committer.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/files.h"
#include "daybook/journal/linker.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// Thread-safe.
class Writer {
 public:
  Writer(std::filesystem::path path, RunInfo info, const JournalOptions& options, std::optional<WriterLock> lock,
         std::shared_ptr<Store> store, Intake intake, const StoredState& state);

  [[nodiscard]] bool is_ours() const { return fork_generation_ == fork_generation(); }

  DatasetChain& dataset(std::string_view key);

  // `hash`: where to put the XXH3-64 of the payload's first piece, if it stands in one record.
  Sequence append(const Event& event, std::optional<std::uint64_t>* hash = nullptr);
  // To a dataset by its key, or already found.
  Sequence append(std::string_view key, const NumberChange& change);
  Sequence append(DatasetChain& dataset, const NumberChange& change);
  Sequence mutate_element(DatasetChain& dataset, std::span<const std::int64_t> start,
                          std::span<const std::byte> element);

  std::optional<Outline> outline(std::string_view key);
  void sync();
  void commit();
  [[nodiscard]] std::uint64_t free_intake_bytes() const;
  void close();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const RunInfo& info() const { return info_; }
  [[nodiscard]] JournalStatistics statistics() const;

 private:
  void check_usable() const;
  Sequence append_any(const Event& event, std::optional<std::uint64_t>* hash = nullptr);
  void split(Encoder& encoder, const Event& event);
  Sequence append_encoded(Encoder& encoder, Encoder::Pieces payload, std::uint64_t payload_bytes, const Event& event,
                          std::optional<std::uint64_t>* hash = nullptr);
  // `time`, `monotonic`: 0 takes the present.
  template <class Find>
  Sequence append_number(const Find& find, const NumberChange& change, std::int64_t time, std::int64_t monotonic);

  const std::filesystem::path path_;
  const RunInfo info_;
  const std::uint64_t fork_generation_;
  std::optional<WriterLock> lock_;
  std::shared_ptr<Store> store_;
  Clock clock_;
  Linker linker_;
  Committer committer_;
  std::atomic<bool> closed_ = false;
};

}  // namespace daybook::detail
