#include "daybook/journal/foreign.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "daybook/journal/error.h"
#include "daybook/journal/pages.h"

namespace daybook::detail {

namespace {

std::string head_of(const std::filesystem::path& file, std::size_t bytes) {
  std::ifstream stream(file, std::ios::binary);
  std::string head(bytes, '\0');
  stream.read(head.data(), static_cast<std::streamsize>(bytes));
  head.resize(static_cast<std::size_t>(stream.gcount()));
  return head;
}

std::string what_file_is(const std::filesystem::path& file) {
  const auto head = head_of(file, 8);
  if (head == "\x89HDF\r\n\x1a\n") return "is an HDF5 file, not a journal";
  if (head.empty()) return "is an empty file, not a journal";
  if (file.filename() == "data.mdb" || file.filename() == "intake") {
    return "is a file inside a journal: give the folder '" + file.parent_path().string() + "'";
  }
  if (head.front() == '{') return "is a JSON file, not a journal (a trace? see 'daybook ingest')";
  return "is a file, not a journal (a journal is a folder with a data.mdb)";
}

// Offset of the meta block's magic on each of the two meta pages: 16 bytes of page header stand before it.
constexpr std::size_t meta_offset = 16;
constexpr std::uint32_t lmdb_magic = 0xBEEFC0DEU;

}  // namespace

namespace {

// LMDB maps the file by what its meta page says and dies of SIGBUS where that is not there. Reads two pages; the list of
// free ones, too, if the file is shorter than its last page, as free pages at the end need never have been written.
void require_whole(const std::filesystem::path& data) {
  const PageFile file(data);
  const auto metas = file.metas([](const PageProblem&) {});
  if (metas.empty()) {
    throw CorruptError("'" + data.string() + "': both of its meta pages are damaged: run 'daybook verify'");
  }
  const auto& newest = metas.front();
  const auto needed = (newest.last_page + 1) * newest.page_size;
  const auto size = file.size();
  if (size >= needed) return;
  PageTrees trees(file, newest);
  trees.walk_free([](const PageProblem&) {});
  if (trees.complete()) return;
  throw CorruptError("'" + data.string() + "' is cut short: " + std::to_string(size) + " of " + std::to_string(needed) +
                     " bytes are left: 'daybook verify' says what that costs");
}

}  // namespace

void require_journal(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const auto name = "'" + path.string() + "'";
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw UnsupportedError(name + ": there is no such file or folder");
  if (!fs::is_directory(status)) throw UnsupportedError(name + " " + what_file_is(path));
  const auto data = path / "data.mdb";
  if (!fs::exists(data, error)) {
    if (error) throw StorageError(name + " cannot be looked into: " + error.message());
    throw UnsupportedError(name +
                           " is a folder without a data.mdb, not a journal ('daybook ls' finds the journals below it)");
  }
  const auto head = head_of(data, meta_offset + sizeof lmdb_magic);
  std::uint32_t magic = 0;
  if (head.size() < meta_offset + sizeof magic) {
    throw CorruptError("'" + data.string() + "' is cut short: " + std::to_string(head.size()) +
                       " bytes are left of it");
  }
  std::memcpy(&magic, head.data() + meta_offset, sizeof magic);
  if (magic != lmdb_magic) {
    throw CorruptError("'" + data.string() + "' does not start like an LMDB file: it is damaged, or not a journal's");
  }
  require_whole(data);
}

}  // namespace daybook::detail
