// Table "lists": lists of doubles, journal → HDF5 file, beside h5py writing the Python lists. "set": as when the experiment
// set the whole list; "appended": built by an append an item.

#include <random>

#include "file.h"
#include "h5py.h"

namespace bench {
namespace {

void set_lists(daybook::Journal& journal) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> items(10'000);
  for (int i = 0; i < 100; ++i) {
    for (auto& item : items) item = normal(random);
    journal.set("list." + std::to_string(i), daybook::Value::list_of(std::span<const double>(items)));
  }
}

void append_lists(daybook::Journal& journal) {
  for (int i = 0; i < 100; ++i) {
    const auto key = "list." + std::to_string(i);
    journal.set(key, daybook::Value::list({}));
    for (int item = 0; item < 10'000; ++item) journal.append(key, 0.5 * item);
  }
}

void append_one_list(daybook::Journal& journal) {
  journal.set("list", daybook::Value::list({}));
  for (int item = 0; item < 1'000'000; ++item) journal.append("list", 0.5 * item);
}

}  // namespace

void add_lists() {
  const auto by_daybook = [](const std::string& work, void (*fill)(daybook::Journal&)) {
    add("lists/" + work + "/daybook", [fill](benchmark::State& state) { return materialized(state, {}, fill); });
  };
  const auto by_h5py = [](const std::string& work, const std::string& shapes) {
    add("lists/" + work + "/h5py", [shapes](benchmark::State&) {
      const Folder folder;
      return written_by_h5py(shapes, folder / "run.h5");
    });
  };
  by_daybook("100x10000", set_lists);
  by_daybook("100x10000_appended", append_lists);
  by_h5py("100x10000", "lists_100x10000");
  by_daybook("1000000_appended", append_one_list);
  by_h5py("1000000_appended", "list_1000000");
}

}  // namespace bench
