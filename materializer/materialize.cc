#include "daybook/materializer/materialize.h"

#include <fmt/format.h>

#include <chrono>

#include "daybook/journal/error.h"
#include "daybook/journal/materialized.h"
#include "daybook/materializer/hdf5_filters.h"
#include "daybook/materializer/hdf5_writer.h"
#include "daybook/materializer/output_file.h"

namespace daybook {
namespace {

constexpr std::chrono::milliseconds progress_interval{20};
constexpr std::uint64_t node_cost = 256;  // what an object costs beside its elements, as bytes of progress

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
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const std::string doing = fmt::format("layout {}: {}", layout.name, describe_step(layout, i));
    try {
      layout.steps[i].transform(plan);
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

// What gets into each other's way is the layout's doing: which part of it, the nodes' origins say.
void settle_laid_out(const Layout& layout, Plan& plan) {
  try {
    settle(plan);
  } catch (InvalidError& e) {
    if (layout.steps.empty()) throw;
    std::string doing = fmt::format("layout {}", layout.name);
    for (std::size_t i = 0; i < layout.steps.size(); ++i)
      if (std::string_view(e.what()).find(fmt::format("(by {})", layout.steps[i].name)) != std::string_view::npos)
        doing += ", " + describe_step(layout, i);
    e.add_context(doing);
    throw;
  }
}

Plan plan_before_layout(const Reader& reader, const MaterializeOptions& options, const Layout& layout) {
  Plan plan = default_plan(reader, reader.resolve(options.at), layout.name);
  if (const std::string digest = layout.digest(); !digest.empty()) {
    auto& attributes = plan.nodes.front().attributes;
    attributes.emplace_back("daybook_layout_digest", Value(digest).owned());
    attributes.emplace_back("daybook_layout_text", Value(layout.text).owned());
  }
  select_keys(plan, options);
  detail::leave_out_missing_filters(plan);
  return plan;
}

// make_plan(), or the default one if that is what the caller wants of a layout that fails.
Plan plan_or_default(const Reader& reader, const MaterializeOptions& options, std::optional<std::string>& failure) {
  try {
    Plan plan = make_plan(reader, options);
    detail::require_filters(plan);
    return plan;
  } catch (const InvalidError& e) {
    if (options.on_layout_failure == MaterializeOptions::OnLayoutFailure::fail || options.layout.steps.empty()) throw;
    failure = e.what();
  }
  Plan plan = plan_before_layout(reader, options, Layout());
  plan.nodes.front().attributes.emplace_back("daybook_layout_failure", Value(*failure).owned());
  settle(plan);
  return plan;
}

// About how many bytes a node will take; what one knows without replaying it.
std::uint64_t expected_bytes(const Plan& plan, const Node& node) {
  const DatasetState* state = node.state();
  if (state == nullptr || plan.reader == nullptr) return node_cost;
  std::vector<UncheckedPart> unread;
  const Event base = plan.reader->event(state->base, unread);
  std::uint64_t bytes = node_cost + std::uint64_t{8} * state->depth;
  const auto* history = std::get_if<History>(&node.source);
  if (history != nullptr && history->part != History::Part::values) return bytes;
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
  Plan plan = plan_before_layout(reader, options, options.layout);
  apply(options.layout, plan);
  settle_laid_out(options.layout, plan);
  return plan;
}

MaterializeReport materialize(const Reader& reader, const std::filesystem::path& file,
                              const MaterializeOptions& options) {
  MaterializeReport report;
  const Plan plan = plan_or_default(reader, options, report.layout_failure);
  report.layout = report.layout_failure ? Layout().name : options.layout.name;
  report.up_to = plan.as_of;
  report.complete = reader.is_complete(plan.as_of);
  report.no_file = plan.file.no_file;
  if (report.no_file) return report;
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
  report.bytes = output.size();
  output.commit();
  report.file = file;
  report.datasets = written.datasets;
  report.refused = std::move(written.refused);
  report.notes = std::move(written.notes);
  return report;
}

MaterializeReport materialize_run(Reader reader, const std::filesystem::path& file, const MaterializeOptions& options) {
  const std::filesystem::path journal = reader.path();
  MaterializeReport report = materialize(reader, file, options);
  if (report.no_file) return report;
  const Layout layout = report.layout_failure ? Layout() : options.layout;
  { const Reader closed = std::move(reader); }  // who reads a journal cannot write it
  const std::string name = std::filesystem::absolute(file).lexically_normal().string(), digest = layout.digest();
  try {
    append_materialized(
        journal, {.file = name, .layout = layout.name, .digest = digest, .up_to = report.up_to, .text = layout.text});
  } catch (const BusyError&) {
    report.not_recorded = "the journal is being written";
  } catch (const StorageError& e) {
    report.not_recorded = e.what();
  }
  return report;
}

}  // namespace daybook
