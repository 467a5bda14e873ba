// The pipeline of chunks that Daybook runs itself, against HDF5's own: what one writes the other reads, byte by byte.
#include <hdf5.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "daybook/journal/error.h"
#include "daybook/materializer/chunk_codec.h"
#include "daybook/materializer/chunk_grid.h"
#include "daybook/materializer/hdf5_dataset.h"
#include "daybook/materializer/hdf5_handles.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"
#include "support/fresh_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using namespace daybook::detail;
using test::FreshFolder;
using test::read_file;
using Bytes = std::vector<std::byte>;

const Filter shuffled = {shuffle_filter, "shuffle", {}}, checked = {fletcher32_filter, "fletcher32", {}};
Filter gzip(unsigned level) { return {gzip_filter, "gzip", {level}}; }

Bytes random_bytes(std::size_t count, std::mt19937& random, unsigned values = 256) {
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() % values);
  return bytes;
}

Node constant(std::string path, Value value, Storage storage) {
  return {.path = std::move(path), .source = std::move(value), .form = AsDataset{std::move(storage)}, .attributes = {}};
}

Written write(Plan& plan, const fs::path& path, unsigned threads) {
  settle(plan);
  OutputFile output(path);
  Written written = write_hdf5(plan, output.descriptor(), output.path(), output.target(), {}, threads);
  output.commit();
  return written;
}

// A type of any size.
Type of_size(std::uint32_t size) {
  if (size == 1) return Type(Kind::unsigned_integer, 1);
  if (size == 2 || size == 4 || size == 8) return Type(Kind::integer, size);
  if (size == 16) return Type::of<std::complex<double>>();
  return Type::opaque(size);
}

// Elements that stand nowhere: they are made when asked for.
class Counting : public Elements {
 public:
  void read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
    largest = std::max(largest, count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto number = static_cast<double>(first + i);
      std::memcpy(out + i * sizeof number, &number, sizeof number);
    }
  }
  void read_variable(std::uint64_t, std::uint64_t, std::string_view*) const override {}
  mutable std::uint64_t largest = 0;
};

struct Opened {
  explicit Opened(const fs::path& path, const char* name = "/x")
      : file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open"),
        dataset(H5Dopen2(file.id(), name, H5P_DEFAULT), "open dataset"),
        type(H5Dget_type(dataset.id()), "type") {}
  Bytes elements(std::size_t bytes) const {
    Bytes out(bytes);
    check_hdf5(H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()), "read");
    return out;
  }
  Bytes raw_chunk(const std::vector<hsize_t>& at, std::uint32_t& mask) const {
    hsize_t size = 0;
    check_hdf5(H5Dget_chunk_storage_size(dataset.id(), at.data(), &size), "size of a chunk");
    Bytes out(size);
    check_hdf5(H5Dread_chunk(dataset.id(), H5P_DEFAULT, at.data(), &mask, out.data()), "read a chunk");
    return out;
  }
  Hdf5File file;
  Hdf5Dataset dataset;
  Hdf5Type type;
};

}  // namespace

TEST_CASE("shuffle puts bytes of like significance together, for elements of any size") {
  std::mt19937 random(1);
  for (const std::size_t size : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 20, 24, 31, 100}) {
    for (const std::size_t count : {1, 2, 7, 8, 9, 15, 16, 17, 64, 1001}) {
      CAPTURE(size, count);
      const Bytes in = random_bytes(size * count, random);
      Bytes out(in.size());
      shuffle(in, size, out.data());
      bool same = true;
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t b = 0; b < size; ++b) same &= out[b * count + i] == in[i * size + b];
      CHECK(same);
    }
  }
}

TEST_CASE("every array comes back through HDF5's own pipeline: any rank, element size, chunk and filters") {
  const FreshFolder folder;
  std::mt19937 random(2);
  const std::vector<std::vector<Filter>> pipelines = {{},
                                                      {shuffled},
                                                      {gzip(4)},
                                                      {gzip(0)},
                                                      {checked},
                                                      {shuffled, gzip(1)},
                                                      {shuffled, gzip(9), checked},
                                                      {gzip(6), checked},
                                                      {shuffled, checked}};
  const std::uint32_t sizes[] = {1, 2, 3, 4, 7, 8, 16, 24};
  for (int i = 0; i < 150; ++i) {
    const Type type = of_size(sizes[random() % std::size(sizes)]);
    Shape shape, chunk;
    const std::size_t rank = 1 + random() % 4;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      shape.push_back(1 + random() % (rank == 1 ? 5000 : 14));
      chunk.push_back(1 + random() % (rank == 1 ? 900 : 16));
    }
    Storage storage{.filters = pipelines[random() % pipelines.size()], .chunk = chunk, .fill_value = {}};
    if (random() % 3 == 0) storage.chunk = {};
    if (storage.filters.empty()) storage.chunk = chunk;
    storage.extendible = random() % 4 == 0;
    const Bytes bytes = random_bytes(element_count(shape) * type.size(), random, random() % 2 == 0 ? 256 : 3);
    CAPTURE(i, type.name(), rank, to_text(storage));
    Plan plan;
    plan.nodes = {constant("/x", Value::array(type, shape, bytes), storage)};
    const Written written = write(plan, folder / "x.h5", 1 + static_cast<unsigned>(random() % 3));
    REQUIRE(written.refused.empty());
    REQUIRE(written.notes.empty());
    const Opened read(folder / "x.h5");
    REQUIRE(read.elements(bytes.size()) == bytes);
  }
}

TEST_CASE("a chunk's bytes are those that HDF5 writes, but for gzip's choice among equal streams") {
  const FreshFolder folder;
  std::mt19937 random(3);
  const Bytes bytes = random_bytes(100 * 7, random, 5);
  const Type type = of_size(7);
  for (const bool both : {false, true}) {
    const std::vector<Filter> filters = both ? std::vector{shuffled, checked} : std::vector{checked};
    Plan plan;
    plan.nodes = {
        constant("/x", Value::array(type, {100}, bytes), {.filters = filters, .chunk = {30}, .fill_value = {}})};
    write(plan, folder / "ours.h5", 1);
    const Opened ours(folder / "ours.h5");
    const Hdf5Properties creation(H5Dget_create_plist(ours.dataset.id()), "properties");
    const Hdf5Space space(H5Dget_space(ours.dataset.id()), "space");
    {
      const Hdf5File file(H5Fcreate((folder / "theirs.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "create");
      const Hdf5Dataset made(
          H5Dcreate2(file.id(), "x", ours.type.id(), space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), "create");
      check_hdf5(H5Dwrite(made.id(), ours.type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), "write");
    }
    const Opened theirs(folder / "theirs.h5");
    for (const hsize_t at : {0, 30, 60, 90}) {
      std::uint32_t mask = 1, their_mask = 1;
      CHECK(ours.raw_chunk({at}, mask) == theirs.raw_chunk({at}, their_mask));
      CHECK(mask == their_mask);
    }
  }
}

TEST_CASE("gzip is left out of chunks that it would not make smaller") {
  const FreshFolder folder;
  std::mt19937 random(4);
  Bytes bytes = random_bytes(4096, random);
  bytes.resize(8192);
  Plan plan;
  plan.nodes = {constant("/x", Value::array(of_size(4), {2048}, bytes),
                         {.filters = {shuffled, gzip(9), checked}, .chunk = {1024}, .fill_value = {}})};
  write(plan, folder / "x.h5", 2);
  const Opened read(folder / "x.h5");
  std::uint32_t mask = 0;
  CHECK(read.raw_chunk({0}, mask).size() == 4096 + 4);
  CHECK(mask == 2);
  CHECK(read.raw_chunk({1024}, mask).size() < 100);
  CHECK(mask == 0);
  CHECK(read.elements(bytes.size()) == bytes);
}

TEST_CASE("damage to a chunk with a checksum is found") {
  const FreshFolder folder;
  const Bytes bytes(80000, std::byte{77});
  Plan plan;
  plan.nodes = {constant("/x", Value::array(of_size(8), {10000}, bytes),
                         {.filters = {checked}, .chunk = {10000}, .fill_value = {}})};
  write(plan, folder / "x.h5", 1);
  std::string text = read_file(folder / "x.h5");
  text[text.rfind("MMMMMMMM")] = 'N';
  test::write_file(folder / "y.h5", text);
  const Hdf5Quiet quiet;
  const Opened read(folder / "y.h5");
  CHECK_THROWS_AS(read.elements(bytes.size()), Hdf5Error);
}

TEST_CASE("noise in front of what can be compressed is stored, and comes back") {
  std::mt19937 random(5);
  for (const std::size_t noise : {0UL, 32768UL, 100000UL, 262144UL}) {
    Bytes bytes = random_bytes(noise, random);
    const Bytes plain = random_bytes(262144 - noise, random, 4);
    bytes.insert(bytes.end(), plain.begin(), plain.end());
    const std::size_t found = leading_noise(bytes, 400);
    CHECK(found <= noise);
    CHECK(found + 32768 > noise);
    const auto codec = ChunkCodec::of(std::vector{gzip(4)}, 1);
    ChunkCodec::Workspace workspace;
    Buffer out;
    const auto encoded = codec->encode(bytes, workspace, out);
    CHECK(encoded.bytes.size() < noise + (262144 - noise) / 3 + 100);
    CHECK((encoded.filter_mask != 0) == (noise == bytes.size()));
  }
  // Evenly distributed, but again and again the same.
  for (std::size_t step = 1; step < 256; step += 2) {
    Bytes steps(32768);
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = static_cast<std::byte>(i * step);
    CHECK(leading_noise(steps, 400) == 0);
  }
  Bytes ramp(262144);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<std::byte>(i);
  CHECK(leading_noise(ramp, 400) == 0);
  Bytes period = random_bytes(20000, random);
  while (period.size() < 262144) period.insert(period.end(), period.begin(), period.begin() + 20000);
  CHECK(leading_noise(period, 400) == 0);
}

TEST_CASE("a compressed file does not depend on the number of threads") {
  const FreshFolder folder;
  std::mt19937 random(6);
  std::poisson_distribution<int> counts(100);
  std::vector<std::uint16_t> camera(40UL * 300 * 301);
  for (auto& count : camera) count = static_cast<std::uint16_t>(counts(random));
  std::normal_distribution<double> normal;
  std::vector<double> noise(1000003);
  for (auto& number : noise) number = normal(random);
  std::string first;
  for (const unsigned threads : {1U, 2U, 5U, 0U}) {
    const Storage storage{.filters = {shuffled, gzip(4)}, .chunk = {}, .chunk_bytes = 65536, .fill_value = {}};
    Storage tiled = storage;
    tiled.chunk = {7, 100, 64};
    Plan plan;
    plan.nodes = {constant("/camera", Value::array(camera.data(), {40, 300, 301}), storage),
                  constant("/tiled", Value::array(camera.data(), {40, 300, 301}), tiled),
                  constant("/x", Value::array(noise.data(), {1000003}), storage)};
    const Written written = write(plan, folder / "x.h5", threads);
    CHECK(written.notes.empty());
    const std::string bytes = read_file(folder / "x.h5");
    if (first.empty()) first = bytes;
    REQUIRE(bytes == first);
  }
  const Opened read(folder / "x.h5"), tiled(folder / "x.h5", "/tiled");
  CHECK(std::memcmp(read.elements(noise.size() * 8).data(), noise.data(), noise.size() * 8) == 0);
  CHECK(std::memcmp(tiled.elements(camera.size() * 2).data(), camera.data(), camera.size() * 2) == 0);
}

TEST_CASE("an array that stands nowhere is written chunk by chunk, also by HDF5's pipeline") {
  const FreshFolder folder;
  const Shape shape = {9, 1030, 1024};  // with such chunks a row of them is more than is kept in memory
  for (const bool own : {true, false}) {
    const Hdf5File file(H5Fcreate((folder / "x.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "create");
    Hdf5Types types;
    DatasetWriter writer(types, 2);
    StoredValue value{.form = Form::array, .type = Type::of<double>(), .shape = shape, .elements = nullptr};
    auto counting = std::make_unique<Counting>();
    const Counting& elements = *counting;
    value.elements = std::move(counting);
    Storage storage{.filters = {shuffled}, .chunk = {9, 200, 100}, .fill_value = {}};
    if (!own) storage.filters.push_back({5, "nbit", {}});
    std::vector<std::string> notes;
    std::uint64_t last = 0;
    const auto progress = [&](std::uint64_t done) {
      CHECK(done > last);
      last = done;
    };
    const std::string name = "x", path = "/x";
    const Hdf5Dataset dataset = writer.write({file.id(), name, H5P_DEFAULT, path}, value, storage, progress, notes);
    CHECK(notes.empty());
    CHECK(last == element_count(shape));
    CHECK(elements.largest <= 9 * 200 * 100);
    std::vector<double> read(element_count(shape));
    check_hdf5(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.data()), "read");
    bool same = true;
    for (std::size_t i = 0; i < read.size(); ++i) same &= read[i] == static_cast<double>(i);
    CHECK(same);
  }
}

TEST_CASE("what is compressed is no larger than with zlib at the same level") {
  const FreshFolder folder;
  std::mt19937 random(7);
  const std::size_t count = 40UL * 65536;
  std::vector<double> noise(count), smooth(count);
  std::normal_distribution<double> normal;
  for (std::size_t i = 0; i < count; ++i) {
    noise[i] = normal(random);
    smooth[i] = std::sin(static_cast<double>(i) * 1e-4) + 0.3 * std::cos(static_cast<double>(i) * 3e-3);
  }
  std::poisson_distribution<int> counts(100);
  std::vector<std::uint16_t> camera(4 * count);
  for (auto& one : camera) one = static_cast<std::uint16_t>(counts(random));
  for (const unsigned level : {1U, 4U, 6U}) {
    const Storage storage{.filters = {shuffled, gzip(level)}, .chunk = {}, .fill_value = {}};
    Plan plan;
    plan.nodes = {constant("/noise", Value::array(noise.data(), {count}), storage),
                  constant("/smooth", Value::array(smooth.data(), {count}), storage),
                  constant("/camera", Value::array(camera.data(), {40, 256, 1024}), storage)};
    write(plan, folder / "ours.h5", 0);
    const Hdf5File file(H5Fcreate((folder / "theirs.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "create");
    for (const char* name : {"/noise", "/smooth", "/camera"}) {
      CAPTURE(level, name);
      const Opened ours(folder / "ours.h5", name);
      const Hdf5Properties creation(H5Dget_create_plist(ours.dataset.id()), "properties");
      const Hdf5Space space(H5Dget_space(ours.dataset.id()), "space");
      const Hdf5Dataset theirs(
          H5Dcreate2(file.id(), name, ours.type.id(), space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), "create");
      const void* from = name[1] == 'n'   ? static_cast<const void*>(noise.data())
                         : name[1] == 's' ? static_cast<const void*>(smooth.data())
                                          : camera.data();
      check_hdf5(H5Dwrite(theirs.id(), ours.type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, from), "write");
      CHECK(H5Dget_storage_size(ours.dataset.id()) <= H5Dget_storage_size(theirs.id()));
    }
  }
}
