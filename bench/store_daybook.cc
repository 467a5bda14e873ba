#include <optional>

#include "daybook/journal/journal.h"
#include "harness.h"
#include "store.h"

namespace bench {
namespace {

using namespace daybook;

class DaybookStore final : public Store {
 public:
  DaybookStore(const std::filesystem::path& folder, bool sync)
      : journal_(Journal::create(folder / "run.daybook", run_info())), sync_(sync) {
    journal_.set("list", Value::list({}));
  }

  void set(std::string_view key, double value) override {
    journal_.set(key, value);
    after();
  }
  void append(std::string_view key, double value) override {
    journal_.append(key, value);
    after();
  }
  void declare(std::string_view key, std::span<const double> array) override {
    journal_.set(key, Value::array(array.data(), {array.size()}));
    declared_.emplace(journal_.dataset(key));
  }
  void mutate(std::string_view /*key*/, std::uint64_t index, double value) override {
    const auto place = static_cast<std::int64_t>(index);
    declared_->mutate_element(std::span(&place, 1), std::as_bytes(std::span(&value, 1)));
    after();
  }
  void frame(std::string_view key, std::span<const std::uint16_t> pixels, std::uint64_t rows) override {
    journal_.set(key, Value::array(pixels.data(), {rows, pixels.size() / rows}));
    after();
  }
  void event(const Event& event) override {
    journal_.append(event);
    after();
  }
  void finish() override { journal_.finish(); }

 private:
  void after() {
    if (sync_) journal_.sync();
  }
  Journal journal_;
  std::optional<Dataset> declared_;
  bool sync_;
};

}  // namespace

std::unique_ptr<Store> make_daybook(const std::filesystem::path& folder, Durability durability) {
  return std::make_unique<DaybookStore>(folder, durability == Durability::power);
}

}  // namespace bench
