#include "tools/doctor_checks.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "daybook/journal/files.h"
#include "tools/moment.h"
#include "tools/recover_text.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t commit_bytes = 32 * mebibyte;          // what a commit may take while it is written
constexpr std::uint64_t large_intake_bytes = 1024 * mebibyte;  // far above any burst of scalars
constexpr std::chrono::minutes clock_slack{1};

void examine_permissions(const fs::path& journal, std::vector<Finding>& found) {
  const auto report = [&](const fs::path& path, const char* what) {
    found.push_back({Severity::error, "permissions", path.native(), what, "ls -ld " + shell_quoted(path.native())});
  };
  for (const fs::path& path : {journal, journal / "data.mdb", journal / "lock.mdb", journal / "intake"}) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;
    if (::access(path.c_str(), R_OK) != 0)
      report(path, "this user may not read it");
    else if (::access(path.c_str(), W_OK) != 0 && errno != EROFS)
      report(path, "this user may not write it, so the run cannot be recovered by this user");
    else if ((status.st_mode & S_IWUSR) == 0)
      report(path, "its own user may not write it, so the run can be neither gone on with nor recovered");
  }
}

void examine_clock(const RecoverReport& report, std::vector<Finding>& found) {
  const auto now = std::chrono::system_clock::now().time_since_epoch() + clock_slack;
  const Nanoseconds latest = std::chrono::nanoseconds(now).count();
  const Nanoseconds newest = std::max(report.until, to_nanoseconds(report.info->start_time));
  if (newest > latest)
    found.push_back(
        {Severity::warning, "clock", report.journal.native(),
         fmt::format("its newest event is of {}, which is yet to come: the clock was set back, or was wrong",
                     local_time(newest, 0)),
         "timedatectl"});
}

void examine_intake(const fs::path& journal, bool live, std::vector<Finding>& found) {
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(journal / "intake", error);
  if (error || bytes <= large_intake_bytes) return;
  found.push_back({Severity::note, "intake", (journal / "intake").native(),
                   fmt::format("it takes {} MiB: {}", bytes / mebibyte,
                               live ? "more than absorbs any burst" : "recovering the run frees them"),
                   live ? "" : to_type("recover", journal.native())});
}

Finding of_fault(const RecoverReport& report) {
  const std::string path = report.journal.native();
  switch (report.fault) {
    case RecoverFault::damaged:
      return {Severity::error, "damaged", path, report.error, salvage_hint(path)};
    case RecoverFault::unsupported:
      return {Severity::error, "unsupported", path, report.error, to_type("verify", path)};
    default:
      return {Severity::error, "unreadable", path, report.error, ""};
  }
}

// The name of what was to be made, if `name` is a half-made file of a process of this machine that is gone.
bool is_leftover(const std::string& name) {
  constexpr std::string_view suffix = ".part";
  if (!name.starts_with('.') || !name.ends_with(suffix)) return false;
  const std::string_view text = std::string_view(name).substr(0, name.size() - suffix.size());
  const auto random = text.rfind('.');
  if (random == std::string_view::npos || random == 0) return false;
  const auto pid_at = text.rfind('.', random - 1);
  if (pid_at == std::string_view::npos) return false;
  int pid = 0;
  const auto digits = text.substr(pid_at + 1, random - pid_at - 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || pid <= 0) return false;
  const std::string host = detail::host_name();
  std::string tag = host;
  std::replace(tag.begin(), tag.end(), '.', '_');  // as journals spell it
  const auto owner = text.substr(0, pid_at);
  if (!owner.ends_with("." + host) && !owner.ends_with("." + tag)) return false;
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

std::uint64_t device_of(const fs::path& folder) {
  struct stat status {};
  return ::stat(folder.c_str(), &status) == 0 ? status.st_dev : 0;
}

const char* severity_name(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

std::vector<Finding> examine_journal(const fs::path& journal, const TransformRegistry& registry,
                                     std::uint64_t& bytes_to_come) {
  std::vector<Finding> found;
  const std::string& path = journal.native();
  examine_permissions(journal, found);
  const RecoverReport report = recover_run(journal, registry, {.dry_run = true, .progress = {}});
  if (report.outcome == Recovered::nothing) {
    found.push_back(of_fault(report));
    return found;
  }
  examine_clock(report, found);
  examine_intake(journal, report.before == RunCondition::live, found);
  std::error_code error;
  const std::uint64_t data_bytes = fs::file_size(journal / "data.mdb", error);
  if (report.before == RunCondition::live) {
    bytes_to_come = commit_bytes;
    for (const int pid : dead_readers(journal))
      found.push_back({Severity::warning, "reader", path,
                       fmt::format("process {} died while reading it: the journal grows faster until its writer sees "
                                   "that, within seconds",
                                   pid),
                       ""});
  } else if (report.outcome == Recovered::whole) {
    bytes_to_come = data_bytes + commit_bytes;
    const bool crashed = report.before == RunCondition::crashed;
    found.push_back({crashed ? Severity::error : Severity::warning, crashed ? "crashed" : "no-file", path,
                     report.salvaged ? "the run was salvaged, and nobody has made its file"
                     : crashed       ? std::string("the run crashed, and nobody has recovered it")
                                     : fmt::format("the run ended, and its file {} {}", report.file.native(),
                                             report.replaced ? "is older" : "is not there"),
                     to_type("recover", path)});
  }
  if (!report.remark.empty()) found.push_back({Severity::note, "copy", path, report.remark, ""});
  return found;
}

std::vector<Finding> examine_folder(const fs::path& folder, std::uint64_t bytes_to_come) {
  std::vector<Finding> found;
  if (const std::string network = detail::network_file_system(folder); !network.empty())
    found.push_back(
        {Severity::error, "network", folder.native(),
         fmt::format("it is on a network share ({}), where LMDB cannot keep journals safe: keep journals on "
                     "a local disk, the HDF5 files may go to the share",
                     network),
         "findmnt -T " + shell_quoted(folder.native())});
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes_to_come + commit_bytes)
    found.push_back({Severity::error, "room", folder.native(),
                     fmt::format("{} MiB are free, and its journals may need {} MiB", space.available / mebibyte,
                                 (bytes_to_come + commit_bytes) / mebibyte),
                     "df -h " + shell_quoted(folder.native())});
  return found;
}

std::vector<Finding> find_leftovers(const fs::path& folder) {
  std::vector<Finding> found;
  std::error_code error;
  const auto quietly = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(folder, quietly, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_leftover(entry->path().filename().string())) continue;
    entry.disable_recursion_pending();
    found.push_back({Severity::note, "leftover", entry->path().native(),
                     "a process that was killed left it half-made: nothing of value is in it",
                     "rm -r " + shell_quoted(entry->path().native())});
  }
  return found;
}

}  // namespace daybook
