#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daybook/journal/journal.h"

namespace daybook {

// How another process asks the writer of a live run for a checkpoint (schema/FORMAT.md, "Asking for a checkpoint"): a file
// in the journal's folder that the writer takes away once the checkpoint is durable. The writer is not paused, and need
// not answer.

// Asks, and waits until the writer has answered: the checkpoint's sequence number, which a Reader opened afterwards sees.
// Nothing if nobody writes the journal, or the writer does not answer in time: then the request is taken back. Others who
// ask at the same time take turns within their own time. A request that somebody left and nobody answers is in nobody's
// way for longer than that.
// InvalidError: the name is empty, longer than 1024 bytes, or holds a line end or NUL. UnsupportedError: no journal.
// StorageError: the folder cannot be written.
[[nodiscard]] std::optional<Sequence> request_checkpoint(const std::filesystem::path& journal, std::string_view name,
                                                         std::chrono::milliseconds timeout = std::chrono::seconds(2));

// For the writer's side, some ten times a second, from any thread; costs a system call or two when nobody asked.
// Answers a request: checkpoint(), commit(), and the request is gone. The checkpoint's name; nothing if nobody asked.
// Errors as Journal::checkpoint() and commit(); the request then stays, and can be answered later.
std::optional<std::string> answer_checkpoint_request(Journal& journal);

// The same in steps, for a writer that has something to do first: the name asked for, if anybody asks. Makes nothing of what
// it does not understand.
[[nodiscard]] std::optional<std::string> find_checkpoint_request(const std::filesystem::path& journal);
// After the checkpoint was committed. No error if the request is gone already, or was never there.
void remove_checkpoint_request(const std::filesystem::path& journal);

// Answers requests in a thread of its own, within some 50 ms. It must end before the journal is closed, moved or destroyed.
// What fails (a full disk) is tried again; a forked child has no such thread and may only destroy it.
class CheckpointAnswers {
 public:
  explicit CheckpointAnswers(Journal& journal);  // StorageError: the system has no thread to give
  CheckpointAnswers(const CheckpointAnswers&) = delete;
  CheckpointAnswers& operator=(const CheckpointAnswers&) = delete;
  ~CheckpointAnswers();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daybook
