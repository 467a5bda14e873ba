#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/event.h"

namespace daybook {

// What one line of a trace asks a journal to do. Most lines ask for one event; a call that raised, a local read or
// `write` for none; a change of a dataset that only the master's database had, for two.
struct TraceLine {
  std::uint64_t n = 0;
  double t = 0;                // seconds since the recording began
  std::optional<RunInfo> run;  // `begin`: create the journal
  std::vector<Event> events;   // to append, in this order, with their recorded times; `end`: RunEnded
};

// Reads a trace of ARTIQ's DatasetManager (JSON lines, format artiq-dataset-trace version 1) line by line.
//
// A recorded time becomes start_time + (t - t of `begin`), never earlier than the one before. A key that is no text is
// journaled under what str() makes of it, as long as no other key of the trace has that name.
class TraceDecoder {
 public:
  // `name`: what messages call the trace.
  explicit TraceDecoder(std::string name);
  TraceDecoder(TraceDecoder&&) noexcept;
  TraceDecoder& operator=(TraceDecoder&&) noexcept;
  ~TraceDecoder();

  // The events borrow from the decoder and live until the next call.
  // InvalidError (UnsupportedError: a later version) says NAME:LINE and what is wrong; the decoder is of no use then.
  const TraceLine& decode(std::string_view line);

  // NAME:LINE of the newest line.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] bool has_begun() const;
  [[nodiscard]] bool has_ended() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daybook
