#include "daybook/journal/checkpoint_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>

#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/request_file.h"

namespace daybook {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_name = 1024;
constexpr std::chrono::milliseconds look_again{5};
constexpr std::chrono::milliseconds look_for_requests{50};

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && name.find_first_of(std::string_view("\n\0", 2)) == name.npos;
}

// A request of ours, from the moment it is there; taken back at the end if nobody answered.
class Request {
 public:
  Request(const fs::path& journal, std::string_view name)
      : path_(detail::request_file(journal)), text_(std::string(name) + "\n") {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request() {
    if (placed_) ::unlink(path_.c_str());
  }

  // False while another one stands there.
  bool place() {
    if (is_there()) return false;
    const auto aside = detail::aside_name(path_);
    const struct Litter {
      const fs::path& path;
      ~Litter() { ::unlink(path.c_str()); }
    } litter{aside};
    {
      const auto file = detail::open_file(aside, O_WRONLY | O_CREAT | O_EXCL);
      detail::write_at(file.get(), 0, std::as_bytes(std::span(text_)), aside);
    }
    try {
      detail::rename_new(aside, path_);
    } catch (const InvalidError&) {
      return false;
    }
    return placed_ = true;
  }

  [[nodiscard]] bool is_placed() const { return placed_; }
  // True once, when the request that was placed is gone.
  bool taken() {
    if (!placed_ || is_there()) return false;
    placed_ = false;
    return true;
  }

 private:
  [[nodiscard]] bool is_there() const { return ::faccessat(AT_FDCWD, path_.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

  const fs::path path_;
  const std::string text_;
  bool placed_ = false;
};

std::optional<Sequence> find_checkpoint(const fs::path& journal, std::string_view name, Sequence after) {
  const Reader reader(journal);
  for (const auto& [known, sequence] : reader.checkpoints())
    if (known == name && sequence > after) return sequence;
  return std::nullopt;
}

bool is_live(const fs::path& journal) { return detail::WriterLock::is_held(journal / "data.mdb"); }

}  // namespace

std::optional<Sequence> request_checkpoint(const fs::path& journal, std::string_view name,
                                           std::chrono::milliseconds timeout) {
  if (!is_name(name))
    throw InvalidError("asking for a checkpoint of '" + journal.string() +
                       "': its name must be one line of 1 to 1024 bytes");
  detail::require_journal(journal);
  const auto deadline = Clock::now() + timeout;
  if (!is_live(journal)) return std::nullopt;
  // What is committed already is older than the question.
  const Sequence before = summarize(journal).last;
  Request request(journal, name);
  while (is_live(journal)) {
    if (request.taken()) {
      if (const auto found = find_checkpoint(journal, name, before)) return found;
      // It was not the writer who took it away, or the writer that closed the journal: ask again.
    }
    if (!request.is_placed()) request.place();
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(look_again);
  }
  // The writer may have answered, and ended, while we slept.
  return request.taken() ? find_checkpoint(journal, name, before) : std::nullopt;
}

std::optional<std::string> answer_checkpoint_request(Journal& journal) {
  auto name = find_checkpoint_request(journal.path());
  if (!name) return std::nullopt;
  journal.checkpoint(*name);
  journal.commit();
  remove_checkpoint_request(journal.path());
  return name;
}

std::optional<std::string> find_checkpoint_request(const fs::path& journal) {
  const auto path = detail::request_file(journal);
  // Whatever else may have this name: a folder, a pipe, a link.
  const detail::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return std::nullopt;
  std::array<char, longest_name + 2> text{};  // a line, and whether there is more
  const auto got = ::read(file.get(), text.data(), text.size());
  if (got <= 0) return std::nullopt;
  std::string_view name(text.data(), static_cast<std::size_t>(got));
  if (!name.ends_with('\n')) return std::nullopt;
  name.remove_suffix(1);
  return is_name(name) ? std::optional<std::string>(name) : std::nullopt;
}

void remove_checkpoint_request(const fs::path& journal) { detail::remove_file(detail::request_file(journal)); }

class CheckpointAnswers::Impl {
 public:
  explicit Impl(Journal& journal) : journal_(journal), fork_generation_(detail::fork_generation()) {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& e) {
      throw_errno("starting the thread that answers requests to '" + journal.path().string() + "'", e.code().value());
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (fork_generation_ != detail::fork_generation()) {
      thread_.detach();  // it is the parent's
      return;
    }
    {
      const std::lock_guard guard(mutex_);
      stop_ = true;
      wake_.notify_all();
    }
    thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, look_for_requests, [this] { return stop_; })) {
      lock.unlock();
      try {
        answer_checkpoint_request(journal_);
      } catch (const Error&) {  // the next append says what is wrong with the journal
      }
      lock.lock();
    }
  }

  Journal& journal_;
  const std::uint64_t fork_generation_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

CheckpointAnswers::CheckpointAnswers(Journal& journal) : impl_(std::make_unique<Impl>(journal)) {}
CheckpointAnswers::~CheckpointAnswers() = default;

}  // namespace daybook
