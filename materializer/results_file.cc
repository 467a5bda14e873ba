#include "daybook/materializer/results_file.h"

#include <fmt/format.h>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/materialized.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/file_identity.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& journal) {
  // Canonical, since "." has no name and no folder to be seen in it; as seen from here where it is below.
  const fs::path folder = fs::canonical(journal).parent_path();
  const fs::path near = fs::proximate(folder);
  return near.native().starts_with("..") ? folder : near;
}

fs::path beside(const fs::path& journal, const fs::path& name) {
  const fs::path folder = folder_of(journal);
  return folder == "." ? name : folder / name;
}

fs::path own_name(const RunInfo& info) {
  return fs::path(journal_name(info.rid, info.class_name)).replace_extension(".h5");
}

// For a run's file where another one has its name.
fs::path other_name(const fs::path& file) {
  return file.parent_path() / fmt::format("{}-recovered{}", file.stem().string(), file.extension().string());
}

struct Look {
  ResultsState state = ResultsState::foreign;
  bool silent = false;     // an HDF5 file that does not say of which journal it is
  bool fell_back = false;  // it has the default layout because the run's own failed
};

Look look_at(const RunInfo& info, Sequence newest, bool complete, const fs::path& file) {
  std::error_code error;
  const auto status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) return {ResultsState::missing};
  if (status.type() != fs::file_type::regular) return {ResultsState::foreign};
  detail::FileIdentity identity;
  try {
    const detail::Hdf5Quiet quiet;
    const detail::Hdf5File opened = detail::open_results(file);
    identity = detail::read_identity(opened.id());
  } catch (const Error&) {
    return {ResultsState::foreign};  // whose it is cannot be known: it stays as it is
  }
  if (!identity.journal || !identity.event) return {ResultsState::foreign, !identity.journal};
  if (*identity.journal != to_string(info.uuid)) return {ResultsState::foreign};
  if (*identity.event > newest) return {ResultsState::newer};
  const bool current = *identity.event == newest && identity.complete == complete;
  return {current ? ResultsState::current : ResultsState::older, false, identity.layout_failure.has_value()};
}

std::vector<RecordedFile> recorded_files(const Reader& reader) {
  std::vector<RecordedFile> files;
  const Sequence newest = reader.last_of_run();
  for (Sequence sequence = reader.last(); sequence > newest; --sequence) {
    const Event event = reader.event(sequence);
    const auto& made = std::get<Materialized>(event.body);
    if (made.up_to == newest) files.push_back({fs::path(made.file), made.layout == own_code_layout});
  }
  return files;
}

}  // namespace

std::optional<RecordedFile> find_own_file(const Reader& reader) {
  const Sequence newest = reader.last_of_run();
  const bool complete = reader.is_complete(newest);
  const fs::path wanted = results_file(reader.path(), reader.info());
  for (RecordedFile& recorded : recorded_files(reader)) {
    if (recorded.file.empty()) return recorded;
    if (!recorded.own_code) continue;
    for (const fs::path& file : {recorded.file, wanted}) {
      if (file.filename() != recorded.file.filename()) continue;
      const Look look = look_at(reader.info(), newest, complete, file);
      if (!look.silent && look.state != ResultsState::current) continue;
      recorded.file = file;
      return recorded;
    }
  }
  return std::nullopt;
}

std::optional<fs::path> find_file_elsewhere(const Reader& reader, const Layout& layout) {
  const Sequence newest = reader.last_of_run();
  const fs::path wanted = results_file(reader.path(), reader.info());
  const auto is_at = [](const fs::path& file, const fs::path& place) {
    return file == fs::absolute(place).lexically_normal();
  };
  for (const RecordedFile& recorded : recorded_files(reader)) {
    if (recorded.own_code || recorded.file.empty() || is_at(recorded.file, wanted)) continue;
    // There it was put because it could not go where it belongs (choose_results()): a makeshift.
    if (is_at(recorded.file, beside(reader.path(), own_name(reader.info()))) ||
        is_at(recorded.file, other_name(wanted)))
      continue;
    const Look look = look_at(reader.info(), newest, reader.is_complete(newest), recorded.file);
    if (look.state != ResultsState::current && !look.silent) continue;
    MaterializeOptions options;
    options.at = AtSequence{newest};
    if (!look.fell_back) options.layout = layout;
    try {
      if (compare(reader, recorded.file, options).empty()) return recorded.file;
    } catch (const CorruptError&) {
      throw;
    } catch (const Error&) {  // cannot be compared, so nobody knows what it holds
    }
  }
  return std::nullopt;
}

fs::path results_file(const fs::path& journal, const RunInfo& info) {
  fs::path wanted(info.results);
  if (wanted.is_absolute()) return wanted;
  return beside(journal, wanted.empty() ? own_name(info) : wanted);
}

Layout run_layout(const RunInfo& info, const TransformRegistry& registry) {
  if (info.layout.empty()) return {};
  try {
    return parse_layout(info.layout, registry, "the journal's layout");
  } catch (const Error& e) {
    const std::string reason = e.what();
    const auto fail = [reason](Plan&) { throw InvalidError(reason); };
    return {.name = "run", .text = info.layout, .steps = {{.name = "unreadable", .options = {}, .transform = fail}}};
  }
}

ResultsState results_state(const RunInfo& info, Sequence newest, bool complete, const fs::path& file) {
  return look_at(info, newest, complete, file).state;
}

ResultsState results_state(const Reader& reader, const fs::path& file, const Layout& layout) {
  const Sequence newest = reader.last_of_run();
  const Look look = look_at(reader.info(), newest, reader.is_complete(newest), file);
  if (!look.silent) return look.state;
  try {
    MaterializeOptions options;
    options.at = AtSequence{newest};
    options.layout = layout;
    const bool same = compare(reader, file, options).empty();
    return same ? ResultsState::current : ResultsState::foreign;
  } catch (const CorruptError&) {
    throw;
  } catch (const Error&) {
    return ResultsState::foreign;
  }
}

ResultsPlace choose_results(const fs::path& journal, const RunInfo& info, const LookAt& look_at) {
  ResultsPlace place;
  place.file = results_file(journal, info);
  std::error_code error;
  if (const fs::path folder = place.file.parent_path(); !folder.empty() && !fs::is_directory(folder, error)) {
    place.instead = fmt::format("there is no folder {} (not mounted?)", folder.string());
    place.file = beside(journal, own_name(info));
  }
  place.state = look_at(place.file);
  if (place.state != ResultsState::foreign) return place;
  const fs::path other = other_name(place.file);
  place.instead += fmt::format("{}{} is another file", place.instead.empty() ? "" : ", and ", place.file.string());
  place.state = look_at(other);
  if (place.state == ResultsState::foreign)
    throw InvalidError(fmt::format("the run's file can go to neither {} nor {}: other files stand there: move one away",
                                   place.file.string(), other.string()));
  place.file = other;
  return place;
}

}  // namespace daybook
