#include "daybook/materializer/materialize.h"

#include <fmt/format.h>

#include <chrono>

#include "daybook/journal/error.h"
#include "daybook/materializer/hdf5_filters.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"

namespace daybook {
namespace {

constexpr std::chrono::milliseconds progress_interval{20};
constexpr std::uint64_t node_cost = 256;  // what an object costs beside its elements, as bytes of progress

bool is_complete(const Reader& reader, Sequence as_of) {
  return reader.status().phase == Phase::finished && as_of == reader.last();
}

void select_keys(Plan& plan, const MaterializeOptions& options) {
  if (options.only.empty() && options.exclude.empty()) return;
  std::erase_if(plan.nodes, [&](const Node& node) {
    const DatasetState* state = node.state();
    if (state == nullptr) return false;
    return (!options.only.empty() && !matches_any(options.only, state->key)) ||
           matches_any(options.exclude, state->key);
  });
}

void apply(const Layout& layout, Plan& plan) {
  for (const auto& [name, options, transform] : layout.steps) {
    const std::string doing = fmt::format("layout {}: transform {}", layout.name, name);
    try {
      transform(plan);
    } catch (Error& e) {
      if (dynamic_cast<const CorruptError*>(&e) == nullptr && dynamic_cast<const StorageError*>(&e) == nullptr)
        throw InvalidError(fmt::format("{}: {}", doing, e.what()));
      e.add_context(doing);  // the journal's fault, not the layout's
      throw;
    } catch (const std::exception& e) {
      throw InvalidError(fmt::format("{} failed: {}", doing, e.what()));
    }
  }
}

// About how many bytes a node will take; what one knows without replaying it.
std::uint64_t expected_bytes(const Plan& plan, const Node& node) {
  const DatasetState* state = node.state();
  if (state == nullptr || plan.reader == nullptr) return node_cost;
  const Event base = plan.reader->event(state->base);
  std::uint64_t bytes = node_cost + std::uint64_t{8} * state->depth;
  if (const auto* set = std::get_if<Set>(&base.body)) bytes += set->value.total_bytes();
  if (const auto* replace = std::get_if<Replace>(&base.body)) bytes += replace->value.total_bytes();
  if (const auto* archived = std::get_if<Archived>(&base.body)) bytes += archived->value.total_bytes();
  return bytes;
}

// Turns "this much of that node" into "this much of everything". Never goes back.
class ProgressMeter {
 public:
  ProgressMeter(const Plan& plan, const std::function<void(std::uint64_t, std::uint64_t)>& report) : report_(report) {
    for (const Node& node : plan.nodes) total_ += expected_bytes(plan, node);
    plan_ = &plan;
  }

  void at(const Node& node, std::uint64_t done, std::uint64_t total) {
    if (&node != current_) {
      finished_ += current_bytes_;
      current_ = &node;
      current_bytes_ = expected_bytes(*plan_, node);
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < progress_interval) return;
    last_ = now;
    const double part = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
    report_(finished_ + static_cast<std::uint64_t>(part * static_cast<double>(current_bytes_)), total_);
  }

  void finish() { report_(total_, total_); }

 private:
  const std::function<void(std::uint64_t, std::uint64_t)>& report_;
  const Plan* plan_ = nullptr;
  const Node* current_ = nullptr;
  std::uint64_t total_ = 0, finished_ = 0, current_bytes_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

Plan make_plan(const Reader& reader, const MaterializeOptions& options) {
  Plan plan = default_plan(reader, reader.resolve(options.at), options.layout.name);
  select_keys(plan, options);
  apply(options.layout, plan);
  settle(plan);
  return plan;
}

MaterializeReport materialize(const Reader& reader, const std::filesystem::path& file,
                              const MaterializeOptions& options) {
  const Plan plan = make_plan(reader, options);
  detail::require_filters(plan);
  detail::OutputFile output(file);
  detail::NodeProgress progress;
  std::optional<ProgressMeter> meter;
  if (options.progress) {
    meter.emplace(plan, options.progress);
    progress = [&](const Node& node, std::uint64_t done, std::uint64_t total) { meter->at(node, done, total); };
  }
  detail::Written written =
      detail::write_hdf5(plan, output.descriptor(), output.path(), output.target(), progress, options.threads);
  if (meter) meter->finish();
  const std::uint64_t bytes = output.size();
  output.commit();
  return {.file = file,
          .up_to = plan.as_of,
          .complete = is_complete(reader, plan.as_of),
          .datasets = written.datasets,
          .bytes = bytes,
          .refused = std::move(written.refused),
          .notes = std::move(written.notes)};
}

}  // namespace daybook
