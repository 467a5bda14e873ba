#pragma once

// What the fuzz targets share. Each is one function that libFuzzer calls with bytes it made up; run_files.cc calls it with
// files, so that what was found once stays a test.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace daybook::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

// A folder in memory where there is one: a fuzzer makes thousands of files a second. Gone at the end of the process.
class Workplace {
 public:
  Workplace() {
    std::error_code error;
    const std::filesystem::path memory = "/dev/shm";
    const auto above =
        std::filesystem::is_directory(memory, error) ? memory : std::filesystem::temp_directory_path(error);
    std::string name = (above / "daybook-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void write(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// A promise was broken: libFuzzer keeps the input, and a test fails.
inline void require(bool kept) {
  if (!kept) std::abort();
}

}  // namespace daybook::fuzz
