// The transform alone: what it does to plans.
#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/filters.h"
#include "daybook/materializer/transform.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;

// A finished run with a dataset of each sort, and its plan.
struct Run {
  Run() {
    {
      Journal journal = Journal::create(folder / "run.daybook", {});
      journal.set("floats", Value::array(floats.data(), {100, 100}));
      journal.set("integers", Value::array(integers.data(), {10000}));
      journal.set("list", Value::list_of(std::span<const double>(floats)));
      journal.set("small", Value::array(floats.data(), {10}));
      journal.set("scalar", 1.5);
      journal.set("texts", Value::strings({1000}, std::vector<std::string_view>(1000, "text")));
      journal.set("empty", Value::array(floats.data(), {0}));
      journal.finish();
    }
    reader.emplace(folder / "run.daybook");
    plan = default_plan(*reader, reader->last());
  }
  void apply(const TransformOptions& options) { built_in_transforms().make("compress", options)(plan); }
  // What came of it: key and filters of those that have some.
  [[nodiscard]] std::string compressed() const {
    std::string text;
    for (const Node& node : plan.nodes) {
      const auto* dataset = std::get_if<AsDataset>(&node.form);
      if (dataset == nullptr || node.state() == nullptr || dataset->storage.filters.empty()) continue;
      CHECK(node.edits.back() == "compress");
      text += (text.empty() ? "" : "; ") + node.state()->key + to_text(dataset->storage);
    }
    return text;
  }

  FreshFolder folder;
  std::vector<double> floats = std::vector<double>(10000);
  std::vector<std::int32_t> integers = std::vector<std::int32_t>(10000);
  std::optional<Reader> reader;
  Plan plan;
};

std::string compressed(const TransformOptions& options) {
  Run run;
  run.apply(options);
  return run.compressed();
}

std::string complaint(const TransformOptions& options) {
  try {
    (void)built_in_transforms().make("compress", options);
  } catch (const OptionError& e) {
    CHECK(std::string(e.what()).starts_with("transform compress: option " + e.option));
    return e.option + ": " + e.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("compress gives large arrays of numbers its filters, and nothing else") {
  CHECK(compressed({}) == "floats shuffle gzip 4; integers shuffle gzip 4; list shuffle gzip 4");
  CHECK(compressed({{"level", 9}, {"shuffle", false}, {"fletcher32", true}, {"keys", "f*"}}) ==
        "floats gzip 9 fletcher32");
  CHECK(compressed({{"min-bytes", 0}, {"keys", OptionList{"s*", "texts", "empty"}}}) == "small shuffle gzip 4");
  CHECK(compressed({{"min-bytes", 50000}}) == "floats shuffle gzip 4; list shuffle gzip 4");
  CHECK(compressed({{"method", "deflate"}, {"keys", "floats"}}) == "floats shuffle gzip 4");
}

TEST_CASE("compress takes any filter by name or number") {
  CHECK(compressed({{"method", "lzf"}, {"keys", "floats"}}) == "floats shuffle lzf");
  CHECK(compressed({{"method", 32000}, {"keys", "floats"}}) == "floats shuffle lzf");
  CHECK(compressed({{"method", "blosc"}, {"keys", "floats"}}) == "floats blosc");
  CHECK(compressed({{"method", "zstd"}, {"options", OptionList{7}}, {"keys", "floats"}}) == "floats shuffle zstd 7");
  CHECK(compressed({{"method", 305}, {"options", OptionList{1, 2}}, {"keys", "floats"}}).find(" 1 2") !=
        std::string::npos);
  CHECK(compressed({{"method", "szip"}, {"keys", "floats"}}) == "floats szip 32 8");
  CHECK(compressed({{"method", "fletcher32"}, {"fletcher32", true}, {"keys", "floats"}}) == "floats fletcher32");
  CHECK(compressed({{"method", "scale-offset"}}) == "integers scale-offset 2 0");
  CHECK(compressed({{"method", "scale-offset"}, {"options", OptionList{0, 3}}, {"allow-loss", true}}) ==
        "floats scale-offset 0 3; list scale-offset 0 3");
}

TEST_CASE("none takes earlier filters away") {
  Run run;
  run.apply({});
  run.apply({{"method", "none"}, {"keys", OptionList{"integers", "small"}}});
  CHECK(run.compressed() == "floats shuffle gzip 4; list shuffle gzip 4");
  for (const Node& node : run.plan.nodes)
    if (node.state() != nullptr && node.state()->key == "small") CHECK(node.edits.empty());
}

TEST_CASE("compress refuses what makes no sense") {
  CHECK(complaint({}) == "nothing");
  CHECK(complaint({{"method", "gzp"}}).find("did you mean \"gzip\"") != std::string::npos);
  CHECK(complaint({{"method", true}}).starts_with("method: "));
  CHECK(complaint({{"method", 0}}).starts_with("method: "));
  CHECK(complaint({{"method", 70000}}).starts_with("method: "));
  CHECK(complaint({{"method", "shuffle"}}).starts_with("method: "));
  CHECK(complaint({{"level", 10}}).starts_with("level: "));
  CHECK(complaint({{"method", "lzf"}, {"level", 3}}).starts_with("level: "));
  CHECK(complaint({{"options", OptionList{1}}}).starts_with("options: "));
  CHECK(complaint({{"method", "lz4"}, {"options", OptionList{-1}}}).starts_with("options: "));
  CHECK(complaint({{"method", "scale-offset"}, {"options", OptionList{}}}).starts_with("options: "));
  for (const char* method : {"blosc", "bitshuffle", "szip", "nbit", "scale-offset", "zfp"}) {
    CHECK(complaint({{"method", method}, {"shuffle", true}}).starts_with("shuffle: "));
    CHECK(complaint({{"method", method}, {"shuffle", false}}) == "nothing");
  }
}

TEST_CASE("compress changes numbers only when told so") {
  CHECK(complaint({{"method", "zfp"}}) == "nothing");  // its reversible mode
  const TransformOptions zfp = {{"method", "zfp"}, {"options", OptionList{3, 0, 0, 0}}};
  const TransformOptions scaled = {{"method", "scale-offset"}, {"options", OptionList{0, 3}}};
  for (TransformOptions options : {zfp, scaled}) {
    CHECK(complaint(options).find("allow-loss") != std::string::npos);
    options.insert({"allow-loss", true});
    CHECK(complaint(options) == "nothing");
  }
}

TEST_CASE("every known filter has its registered number") {
  CHECK(find_filter("deflate") == find_filter("gzip"));
  CHECK(find_filter("gzip")->id == 1);
  CHECK(find_filter("lzf")->id == 32000);
  CHECK(find_filter("blosc")->id == 32001);
  CHECK(find_filter("lz4")->id == 32004);
  CHECK(find_filter("bitshuffle")->id == 32008);
  CHECK(find_filter("zfp")->id == 32013);
  CHECK(find_filter("zstd")->id == 32015);
  CHECK(find_filter("bzip2")->id == 307);
  CHECK(find_filter("unknown") == nullptr);
  for (const KnownFilter& filter : known_filters()) CHECK(find_filter(filter.id) == &filter);
}
