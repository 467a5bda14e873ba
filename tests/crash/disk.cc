#include "crash/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace daybook::crash {

namespace {

constexpr std::uint64_t sector = 512;

double chance(std::mt19937_64& random) { return std::uniform_real_distribution<>(0, 1)(random); }

// How much of what was not synced is there: nothing, all, nearly so, or anything in between.
double share(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return 0.95;
    case 3:
      return 0.05;
    default:
      return chance(random);
  }
}

void put(std::vector<std::byte>& to, std::uint64_t at, std::span<const std::byte> bytes) {
  if (to.size() < at + bytes.size()) to.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

std::pair<Disk::File, std::string> Disk::place(std::string_view name) const {
  auto folder = root_;
  while (true) {
    const auto slash = name.find('/');
    if (slash == std::string_view::npos) return {folder, std::string(name)};
    const auto& names = folders_.at(folder);
    const auto found = names.find(name.substr(0, slash));
    if (found == names.end()) throw std::runtime_error("no folder on the way to " + std::string(name));
    folder = found->second;
    name.remove_prefix(slash + 1);
  }
}

void Disk::carry_out(std::map<File, Names>& folders, const Naming& naming) {
  if (!naming.from.empty()) {
    auto& names = folders[naming.from_folder];
    // Taken away, unless something newer has the name: possible where not all earlier changes have survived.
    if (const auto found = names.find(naming.from); found != names.end() && found->second == naming.file)
      names.erase(found);
  }
  if (!naming.to.empty()) folders[naming.to_folder][naming.to] = naming.file;
}

void Disk::name(const Naming& naming) {
  carry_out(folders_, naming);
  pending_.push_back(naming);
  if (!naming.to.empty()) kinds_[naming.file] = naming.to;
}

void Disk::apply(const Entry& entry) {
  switch (entry.what) {
    case What::make:
    case What::make_folder: {
      if (entry.what == What::make_folder) folders_[entry.file];
      if (entry.what == What::make) files_[entry.file];
      if (entry.name.empty()) {
        root_ = entry.file;
        return;
      }
      const auto [folder, name_there] = place(entry.name);
      return name({0, folder, {}, name_there, entry.file});
    }
    case What::write: {
      auto& file = files_[entry.file];
      put(file.now, entry.at, entry.bytes);
      file.pending.push_back({false, entry.forced, entry.at, {entry.bytes.begin(), entry.bytes.end()}});
      return;
    }
    case What::resize: {
      auto& file = files_[entry.file];
      file.now.resize(entry.at);
      file.pending.push_back({true, false, entry.at, {}});
      return;
    }
    case What::sync: {
      const auto& known_as = kinds_[entry.file];
      if (!lie_.empty() && (known_as == lie_ || (lie_.front() == '.' && known_as.starts_with(lie_)))) return;
      auto& file = files_[entry.file];
      file.durable = file.now;
      file.pending.clear();
      return;
    }
    case What::sync_folder: {
      if (lie_ == "folder") return;
      // In order, all changes of this folder; changes of others stay open.
      std::erase_if(pending_, [&](const Naming& naming) {
        const bool ours = naming.from_folder == entry.file || naming.to_folder == entry.file;
        if (ours) carry_out(durable_folders_, naming);
        return ours;
      });
      return;
    }
    case What::rename: {
      const auto [from_folder, from] = place(entry.name);
      const auto [to_folder, to] = place(entry.new_name);
      return name({from_folder, to_folder, from, to, entry.file});
    }
    case What::unlink: {
      const auto [folder, name_there] = place(entry.name);
      const auto& names = folders_[folder];
      const auto found = names.find(name_there);
      return name({folder, 0, name_there, {}, found == names.end() ? 0 : found->second});
    }
    case What::mark:
      return;
  }
}

void Disk::settle() {
  durable_folders_ = folders_;
  pending_.clear();
  for (auto& [number, file] : files_) {
    file.durable = file.now;
    file.pending.clear();
  }
}

std::optional<std::vector<std::byte>> Disk::contents(std::string_view name) const {
  const auto [folder, name_there] = place(name);
  const auto& names = folders_.at(folder);
  const auto found = names.find(name_there);
  if (found == names.end()) return std::nullopt;
  return files_.at(found->second).now;
}

std::map<Disk::File, Disk::Names> Disk::survivors(std::mt19937_64& random) const {
  auto folders = durable_folders_;
  if (random() % 2 == 0) {
    // A journalling file system: what happened last is lost first.
    const auto kept = random() % (pending_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) carry_out(folders, pending_[i]);
    return folders;
  }
  const auto kept = share(random);
  for (const auto& naming : pending_) {
    if (chance(random) < kept) carry_out(folders, naming);
  }
  return folders;
}

Disk::Bytes Disk::surviving(const Contents& contents, std::mt19937_64& random) {
  // Pages are written back at any moment, sector by sector: each sector is as it was after one of the changes, or before
  // all of them. `working` is the page cache, `image` the disk.
  auto image = contents.durable;
  auto working = contents.durable;
  const auto kept = share(random);
  std::uint64_t size = image.size();
  // Or all but one of them.
  const auto missed =
      random() % 4 == 0 && !contents.pending.empty() ? random() % contents.pending.size() : ~std::size_t{0};
  for (std::size_t i = 0; i < contents.pending.size(); ++i) {
    const auto& change = contents.pending[i];
    const auto survives = [&] {
      return change.forced || (missed == ~std::size_t{0} ? chance(random) < kept : missed != i);
    };
    if (change.resize) {
      working.resize(change.at);
      if (survives()) {
        size = change.at;
        image.resize(std::min<std::size_t>(image.size(), size));
      }
      continue;
    }
    put(working, change.at, change.bytes);
    const auto end = change.at + change.bytes.size();
    if (survives()) size = std::max(size, end);
    for (auto at = change.at / sector * sector; at < end; at += sector) {
      if (!survives()) continue;
      const auto count = std::min(sector, working.size() - at);
      put(image, at, std::span(working).subspan(at, count));
    }
  }
  image.resize(size);
  return image;
}

void Disk::write_folder(const std::map<File, Names>& folders, File folder, const std::filesystem::path& to,
                        std::mt19937_64& random) const {
  const auto here = folders.find(folder);
  if (here == folders.end()) return;
  for (const auto& [name_there, file] : here->second) {
    const auto path = to / name_there;
    if (folders_.contains(file)) {
      std::filesystem::create_directory(path);
      write_folder(folders, file, path, random);
      continue;
    }
    const auto bytes = surviving(files_.at(file), random);
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const auto put_there = ::write(descriptor, bytes.data(), bytes.size());
    ::close(descriptor);
    if (put_there != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("cannot write " + path.string());
  }
}

void Disk::build_image(const std::filesystem::path& folder, std::mt19937_64& random) const {
  write_folder(survivors(random), root_, folder, random);
}

}  // namespace daybook::crash
