// bench_instructions WORK FOLDER: one fixed piece of work, of which only the part that matters is counted when callgrind
// runs this program with --collect-atstart=no. Only the calling thread counts: what a committer does depends on the clock.

#include <valgrind/callgrind.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <map>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/store.h"
#include "daybook/materializer/materialize.h"

namespace {

using namespace daybook;
using Fill = std::function<void(Journal&)>;
namespace fs = std::filesystem;

class Counted {
 public:
  Counted() { CALLGRIND_TOGGLE_COLLECT; }
  ~Counted() { CALLGRIND_TOGGLE_COLLECT; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

Journal make_journal(const fs::path& run) {
  RunInfo info;
  info.rid = 1;
  info.class_name = "Bench";
  JournalOptions options;
  options.commit_interval = std::chrono::hours(1);  // nothing happens beside the calls
  return Journal::create(run, info, options);
}

// `calls` after one of each kind, so that what is done once is not counted.
void record(const fs::path& run, const Fill& begin, const Fill& calls) {
  auto journal = make_journal(run);
  begin(journal);
  {
    const Counted counted;
    calls(journal);
  }
  journal.finish();
}

void materialize_counted(const fs::path& run, const Fill& fill, const MaterializeOptions& options) {
  {
    auto journal = make_journal(run);
    fill(journal);
    journal.finish();
  }
  const Reader reader(run);
  const fs::path file = run.parent_path() / "run.h5";
  static_cast<void>(materialize(reader, file, options));  // HDF5 has made its tables
  const Reader again(run);
  const Counted counted;
  static_cast<void>(materialize(again, file, options));
}

std::vector<double> numbers(std::size_t count) {
  std::vector<double> made(count);
  std::uint64_t state = 1;
  for (double& number : made) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    number = static_cast<double>(state >> 40) * 0x1p-20;
  }
  return made;
}

MaterializeOptions with_transform(const std::string& name, const TransformOptions& given) {
  MaterializeOptions options;
  options.threads = 1;
  options.layout.name = name;
  options.layout.steps.push_back({name, given, built_in_transforms().make(name, given)});
  return options;
}

using Work = std::function<void(const fs::path& run)>;

const std::map<std::string, Work>& works() {
  static const std::map<std::string, Work> all{
      {"set_10000_scalars",
       [](const fs::path& run) {
         record(
             run, [](Journal& journal) { journal.set("scalar", 0.0); },
             [](Journal& journal) {
               for (int i = 0; i < 10'000; ++i) journal.set("scalar", 0.5 * i);
             });
       }},
      {"append_10000_doubles",
       [](const fs::path& run) {
         record(
             run,
             [](Journal& journal) {
               journal.set("list", Value::list({}));
               journal.append("list", 0.0);
             },
             [](Journal& journal) {
               for (int i = 0; i < 10'000; ++i) journal.append("list", 0.5 * i);
             });
       }},
      {"mutate_10000_elements",
       [](const fs::path& run) {
         record(
             run,
             [](Journal& journal) { journal.set("array", Value::array(std::vector<double>(1000).data(), {1000})); },
             [](Journal& journal) {
               const auto array = journal.dataset("array");
               for (std::int64_t i = 0; i < 10'000; ++i) {
                 const auto place = i % 1000;
                 const auto value = 0.5 * static_cast<double>(i);
                 array.mutate_element(std::span(&place, 1), std::as_bytes(std::span(&value, 1)));
               }
             });
       }},
      {"set_50_pictures",
       [](const fs::path& run) {
         const std::vector<std::uint16_t> picture(1 << 17, 7);
         record(
             run, [](Journal& journal) { journal.set("scalar", 0.0); },
             [&](Journal& journal) {
               for (int i = 0; i < 50; ++i) journal.set("camera", Value::array(picture.data(), {256, 512}));
             });
       }},
      {"materialize_300_scalars",
       [](const fs::path& run) {
         materialize_counted(run,
                             [](Journal& journal) {
                               for (int i = 0; i < 300; ++i) journal.set("scalar." + std::to_string(i), 0.5 * i);
                             },
                             {});
       }},
      {"materialize_300_in_table",
       [](const fs::path& run) {
         materialize_counted(
             run,
             [](Journal& journal) {
               for (int i = 0; i < 300; ++i) journal.set("scalar." + std::to_string(i), 0.5 * i);
             },
             with_transform("scalars-as-table", {}));
       }},
      {"materialize_20000_appends",
       [](const fs::path& run) {
         materialize_counted(run,
                             [](Journal& journal) {
                               journal.set("list", Value::list({}));
                               for (int i = 0; i < 20'000; ++i) journal.append("list", 0.5 * i);
                             },
                             {});
       }},
      {"materialize_30_lists",
       [](const fs::path& run) {
         const auto items = numbers(10'000);
         materialize_counted(run,
                             [&](Journal& journal) {
                               for (int i = 0; i < 30; ++i)
                                 journal.set("list." + std::to_string(i),
                                             Value::list_of(std::span<const double>(items)));
                             },
                             {});
       }},
      {"materialize_array_plain",
       [](const fs::path& run) {
         const auto array = numbers(1'000'000);
         materialize_counted(run,
                             [&](Journal& journal) {
                               journal.set("array", Value::array(array.data(), {1000, 1000}));
                             },
                             {});
       }},
      {"materialize_array_gzip",
       [](const fs::path& run) {
         const auto array = numbers(100'000);
         materialize_counted(
             run,
             [&](Journal& journal) {
               journal.set("array", Value::array(array.data(), {100, 1000}));
             },
             with_transform("compress", {{"level", 4}}));
       }},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 1) {
    for (const auto& [name, work] : works()) std::cout << name << '\n';
    return 0;
  }
  if (argc != 3) return std::cerr << "usage: bench_instructions [WORK FOLDER]\n", 2;
  detail::Store::first_map_bytes = std::uint64_t{1} << 30;  // valgrind gives no more address space than there is
  works().at(argv[1])(fs::path(argv[2]) / "run.daybook");
  return 0;
} catch (const std::exception& e) {
  std::cerr << "bench_instructions: " << e.what() << '\n';
  return 1;
}
