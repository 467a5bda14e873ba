#include "crash/recorder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>

#include "crash/watching.h"
#include "daybook/journal/crash_point.h"

namespace daybook::crash {

namespace {

constexpr std::uint64_t log_bytes = std::uint64_t{512} << 20;  // of address space; only what is used is there
constexpr std::size_t sector = 512;
constexpr std::size_t max_descriptors = 1024;
constexpr std::size_t max_maps = 8;
constexpr std::size_t max_map_bytes = std::size_t{1} << 20;

struct Map {
  const std::byte* at = nullptr;
  std::byte* known = nullptr;  // as the log has it
  std::size_t bytes = 0;
  std::uint64_t file = 0, offset = 0;
};

// Of this process; a forked child goes on with a copy. Plain memory, because the wrappers run before and after
// everything else.
struct State {
  std::mutex mutex;
  char folder[1024] = {};
  std::size_t folder_bytes = 0;
  Log* log = nullptr;
  std::array<detail::Watched, max_descriptors> descriptors;
  std::array<Map, max_maps> maps;
  Fault fault;
  std::atomic<Call> armed{Call::none};
  std::atomic<std::uint64_t> passed{0};
  std::atomic<bool> met{false};
  char point[64] = {};
  std::uint64_t point_passes = 0;
  std::atomic<std::uint64_t> point_passed{0};
  char planted[32] = {};
  std::atomic<bool> counting{false};
  std::map<std::string, std::uint64_t> points;
};

State& state() {
  static State the;
  return the;
}

thread_local bool inside = false;

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

detail::Verdict judge(Call call) {
  auto& s = state();
  detail::Verdict verdict;
  const auto armed = s.armed.load(std::memory_order_relaxed);
  if (armed == Call::none || (armed != call && (armed != Call::any || call == Call::allocate))) return verdict;
  const auto pass = s.passed.fetch_add(1) + 1;
  if (pass != s.fault.nth && !(s.fault.lasting && pass > s.fault.nth)) return verdict;
  s.met = true;
  switch (s.fault.effect) {
    case Fault::Effect::error:
      verdict.error = s.fault.error;
      break;
    case Fault::Effect::short_transfer:
      verdict.cut_short = true;
      break;
    case Fault::Effect::kill_before:
      die();
    case Fault::Effect::kill_after:
      verdict.kill_after = true;
      break;
    case Fault::Effect::stuck:
      while (s.armed != Call::none) ::usleep(1000);
      break;
  }
  return verdict;
}

}  // namespace

struct Log::Memory {
  std::atomic<std::uint64_t> used;
  std::byte bytes[1];
};

Log::Log() {
  void* at = ::mmap(nullptr, log_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error("no room for a log");
  memory_ = static_cast<Memory*>(at);
}

Log::~Log() { ::munmap(static_cast<void*>(memory_), log_bytes); }

void Log::clear() {
  ::madvise(static_cast<void*>(memory_), log_bytes, MADV_REMOVE);
  memory_->used = 0;
}

void Log::add(const EntryHeader& given, std::string_view name, std::string_view new_name,
              std::span<const std::byte> bytes) {
  auto header = given;
  header.path = static_cast<std::uint16_t>(name.size());
  header.other = static_cast<std::uint16_t>(new_name.size());
  header.data = static_cast<std::uint32_t>(bytes.size());
  const auto used = memory_->used.load();
  const auto size = sizeof header + name.size() + new_name.size() + bytes.size();
  if (used + size + sizeof(Memory) > log_bytes) ::abort();
  auto* to = &memory_->bytes[0] + used;
  std::memcpy(to, &header, sizeof header);
  to += sizeof header;
  std::copy_n(reinterpret_cast<const std::byte*>(name.data()), name.size(), to);
  to += name.size();
  std::copy_n(reinterpret_cast<const std::byte*>(new_name.data()), new_name.size(), to);
  to += new_name.size();
  std::copy_n(bytes.data(), bytes.size(), to);
  memory_->used.store(used + size);
}

std::vector<Entry> Log::entries() const {
  std::vector<Entry> all;
  const auto* at = &memory_->bytes[0];
  const auto* end = at + memory_->used.load();
  while (at < end) {
    Entry entry;
    std::memcpy(static_cast<EntryHeader*>(&entry), at, sizeof(EntryHeader));
    at += sizeof(EntryHeader);
    entry.name = {reinterpret_cast<const char*>(at), entry.path};
    at += entry.path;
    entry.new_name = {reinterpret_cast<const char*>(at), entry.other};
    at += entry.other;
    entry.bytes = {at, entry.data};
    at += entry.data;
    all.push_back(entry);
  }
  return all;
}

void Log::save(const std::filesystem::path& file) const {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&memory_->bytes[0]), static_cast<std::streamsize>(memory_->used.load()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

void Log::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  if (all.size() + sizeof(Memory) > log_bytes) throw std::runtime_error(file.string() + " is too long for a log");
  std::memcpy(&memory_->bytes[0], all.data(), all.size());
  memory_->used = all.size();
}

namespace detail {

Turn::Turn() {
  if (inside) return;
  auto& s = state();
  if (s.folder_bytes == 0) return;
  s.mutex.lock();
  inside = true;
  watching_ = true;
}

Turn::~Turn() {
  if (!watching_) return;
  inside = false;
  state().mutex.unlock();
}

Verdict Turn::ask(Call call) {
  look_at_maps();
  return judge(call);
}

void Turn::look_at_maps() {
  auto& s = state();
  if (s.log == nullptr) return;
  for (auto& map : s.maps) {
    for (std::size_t at = 0; at < map.bytes; at += sector) {
      const auto count = std::min(sector, map.bytes - at);
      if (std::memcmp(map.at + at, map.known + at, count) == 0) continue;
      std::memcpy(map.known + at, map.at + at, count);
      EntryHeader header;
      header.what = What::write;
      header.file = map.file;
      header.at = map.offset + at;
      s.log->add(header, {}, {}, {map.known + at, count});
    }
  }
}

void Turn::add(const EntryHeader& header, const char* name, const char* new_name, const void* data) {
  if (state().log == nullptr) return;
  state().log->add(header, name, new_name, {static_cast<const std::byte*>(data), header.data});
}

const char* below(const char* path) {
  const auto& s = state();
  if (std::strncmp(path, s.folder, s.folder_bytes) != 0) return nullptr;
  if (path[s.folder_bytes] == '\0') return path + s.folder_bytes;
  return path[s.folder_bytes] == '/' ? path + s.folder_bytes + 1 : nullptr;
}

const char* below(int folder, const char* path, char* room, std::size_t size) {
  if (path[0] == '/' || folder == AT_FDCWD) return below(path);
  char link[64];
  ::snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  const auto got = ::readlink(link, room, size - 1);
  if (got <= 0) return nullptr;
  ::snprintf(room + got, size - static_cast<std::size_t>(got), "/%s", path);
  return below(room);
}

Watched& watched(int descriptor) {
  static Watched none;
  none = {};
  if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= max_descriptors) return none;
  return state().descriptors[static_cast<std::size_t>(descriptor)];
}

void mapped(void* at, std::size_t bytes, std::uint64_t file, std::uint64_t offset) {
  auto& s = state();
  if (s.log == nullptr) return;
  for (const auto& map : s.maps) {
    if (map.bytes != 0 && map.file == file && map.offset == offset) return;  // the ring's second copy
  }
  for (auto& map : s.maps) {
    if (map.bytes != 0) continue;
    if (bytes > max_map_bytes) ::abort();
    if (map.known == nullptr) {
      map.known = static_cast<std::byte*>(
          ::mmap(nullptr, max_map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    }
    std::memcpy(map.known, at, bytes);
    map.at = static_cast<const std::byte*>(at);
    map.bytes = bytes;
    map.file = file;
    map.offset = offset;
    return;
  }
  ::abort();
}

void unmapped(const void* at, std::size_t bytes) {
  const auto* from = static_cast<const std::byte*>(at);
  for (auto& map : state().maps) {
    if (map.bytes != 0 && map.at >= from && map.at < from + bytes) map.bytes = 0;
  }
}

Verdict ask_for_memory() {
  if (inside) return {};
  return judge(Call::allocate);
}

}  // namespace detail

namespace {

// The base: everything that is there, as if made and synced just now.
void add_base(Log& log, const std::filesystem::path& folder, const std::string& prefix) {
  for (const auto& one : std::filesystem::directory_iterator(folder)) {
    struct stat info {};
    if (::lstat(one.path().c_str(), &info) != 0) continue;
    const auto name = prefix + one.path().filename().string();
    EntryHeader header;
    header.file = info.st_ino;
    header.what = one.is_directory() ? What::make_folder : What::make;
    log.add(header, name);
    if (one.is_directory()) {
      add_base(log, one.path(), name + "/");
      continue;
    }
    std::ifstream in(one.path(), std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    header.what = What::write;
    log.add(header, {}, {}, std::as_bytes(std::span(all)));
  }
}

}  // namespace

void watch(const std::filesystem::path& folder, Log* log, const Mark& base) {
  auto& s = state();
  if (log != nullptr) {
    EntryHeader root;
    root.what = What::make_folder;
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) throw std::runtime_error("no folder " + folder.string());
    root.file = info.st_ino;
    log->add(root);
    add_base(*log, folder, "");
  }
  const auto text = folder.string();
  if (text.size() >= sizeof s.folder) throw std::runtime_error("the path is too long: " + text);
  std::memcpy(s.folder, text.c_str(), text.size() + 1);
  s.log = log;
  s.folder_bytes = text.size();
  note(base);
}

void note(const Mark& mark) {
  auto& s = state();
  if (s.log == nullptr) return;
  detail::Turn turn;
  turn.look_at_maps();
  EntryHeader header;
  header.what = What::mark;
  s.log->add(header, {}, {}, std::as_bytes(std::span(&mark, 1)));
}

void arm(const Fault& fault) {
  auto& s = state();
  s.fault = fault;
  s.passed = 0;
  s.met = false;
  s.armed = fault.call;
}

Unwatched::Unwatched() : before_(inside) { inside = true; }
Unwatched::~Unwatched() { inside = before_; }

void disarm() { state().armed = Call::none; }
std::uint64_t calls_passed() { return state().passed; }
bool fault_met() { return state().met; }

void kill_at(std::string_view point, std::uint64_t nth) {
  auto& s = state();
  s.point[point.copy(s.point, sizeof s.point - 1)] = '\0';
  s.point_passes = nth;
  s.point_passed = 0;
}

void plant(std::string_view bug) {
  auto& s = state();
  s.planted[bug.copy(s.planted, sizeof s.planted - 1)] = '\0';
}

void count_points(bool on) { state().counting = on; }

std::vector<std::pair<std::string, std::uint64_t>> points_passed() {
  return {state().points.begin(), state().points.end()};
}

}  // namespace daybook::crash

namespace daybook::detail {

void crash_point(const char* name) noexcept {
  auto& s = crash::state();
  if (s.counting) {
    const std::lock_guard guard(s.mutex);
    ++s.points[name];
  }
  if (s.point[0] != '\0' && std::strcmp(s.point, name) == 0 && s.point_passed.fetch_add(1) + 1 == s.point_passes) {
    crash::die();
  }
}

bool is_planted(const char* bug) noexcept { return std::strcmp(crash::state().planted, bug) == 0; }

}  // namespace daybook::detail
