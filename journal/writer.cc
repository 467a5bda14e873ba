#include "daybook/journal/writer.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "daybook/journal/crash_point.h"
#include "daybook/journal/error.h"
#include "daybook/journal/number.h"
#include "daybook/journal/record.h"
#include "daybook/journal/request_file.h"

namespace daybook::detail {

namespace {

// One per thread: encoding into it allocates nothing once it has met the largest message.
Encoder& thread_encoder() {
  thread_local Encoder encoder;
  return encoder;
}

// The same event as a change to one number, if it is one and has nothing else to say.
std::optional<NumberChange> number_change(const Event& event) {
  if (const auto* set = std::get_if<Set>(&event.body)) {
    const auto number = plain_number(set->value);
    if (!number || !set->metadata.empty() || !set->options.empty()) return std::nullopt;
    return number_set(*number, flags_of(set->broadcast, set->persist, set->archive));
  }
  if (const auto* append = std::get_if<Append>(&event.body)) {
    if (const auto number = plain_number(append->value)) return number_append(*number);
  } else if (const auto* mutate = std::get_if<Mutate>(&event.body)) {
    if (is_one_number(mutate->region, mutate->value)) return number_mutate(mutate->region, mutate->value);
  } else if (const auto* item = std::get_if<MutateItem>(&event.body)) {
    if (const auto number = plain_number(item->value)) return number_mutate_item(item->index, *number);
  } else if (const auto* replace = std::get_if<Replace>(&event.body)) {
    if (const auto number = plain_number(replace->value)) return number_replace(*number);
  }
  return std::nullopt;
}

Mutate element_change(std::span<const std::int64_t> start, const Type& type, std::span<const std::byte> element) {
  Mutate body;
  Shape shape;
  for (const auto place : start) {
    body.region.start.push_back(place);
    body.region.count.push_back(1);
    body.region.step.push_back(1);
    shape.push_back(1);
  }
  body.value = Value::array(type, shape, element);
  return body;
}

// … and back. The bytes stay those of `change`.
Event event_of(std::string_view key, const NumberChange& change) {
  using What = NumberChange::What;
  Event event;
  event.key = key;
  const auto value = number_value(change.number);
  switch (change.what) {
    case What::set:
      event.body = Set{value, {}, {}, (change.flags & 1) != 0, (change.flags & 2) != 0, (change.flags & 4) != 0, 0};
      break;
    case What::mutate:
      event.body = element_change(change.start, value.type(),
                                  std::as_bytes(std::span(&change.number.bits, 1)).first(change.number.size));
      break;
    case What::mutate_item:
      event.body = MutateItem{change.index, value};
      break;
    case What::replace:
      event.body = Replace{value, 0};
      break;
    case What::append:
      event.body = Append{value, 0};
      break;
  }
  return event;
}

std::vector<std::span<const std::byte>> range(Encoder::Pieces pieces, std::uint64_t offset, std::uint64_t bytes) {
  std::vector<std::span<const std::byte>> found;
  for (const auto& piece : pieces) {
    if (bytes == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    found.push_back(piece.subspan(offset, std::min<std::uint64_t>(bytes, piece.size() - offset)));
    bytes -= found.back().size();
    offset = 0;
  }
  return found;
}

}  // namespace

Writer::Writer(std::filesystem::path path, RunInfo info, const JournalOptions& options, std::optional<WriterLock> lock,
               std::shared_ptr<Store> store, Intake intake, const StoredState& state)
    : path_(std::move(path)),
      info_(std::move(info)),
      fork_generation_(fork_generation()),
      lock_(std::move(lock)),
      store_(std::move(store)),
      linker_(store_, state),
      committer_(store_, std::move(intake), state, options, clock_) {
  committer_.start();
}

void Writer::check_usable() const {
  if (!is_ours()) {
    throw InvalidError("journal '" + path_.string() +
                       "' belongs to the process this one was forked from: make one of your own here");
  }
}

DatasetChain& Writer::dataset(std::string_view key) {
  check_usable();
  const auto order = committer_.order();
  return linker_.dataset(key);
}

// `find` is called in the order, and says which dataset; or none, where it is not for this way: then 0 is returned.
template <class Find>
Sequence Writer::append_number(const Find& find, const NumberChange& change, std::int64_t time,
                               std::int64_t monotonic) {
  check_usable();
  const auto now = Clock::monotonic();
  if (time == 0) time = clock_.wall(now);
  if (monotonic == 0) monotonic = now;

  auto order = committer_.order();
  DatasetChain* dataset = find();
  if (dataset == nullptr) return 0;
  const auto words = number_message_words(*dataset, change);
  const auto bytes = record_bytes(words, 0);
  if (!committer_.has_room(bytes)) [[unlikely]] {
    if (!committer_.fits_intake(bytes)) return 0;
    committer_.wait_for_room(order, bytes);
    dataset = find();  // while we waited, others came by
    if (dataset == nullptr) return 0;
  }
  // From here on nobody else gets in. First what may be refused, then what changes our memory of the run.
  const auto link = linker_.link(*dataset, change, time, monotonic);
  crash_point("append.before");
  write_number_record(committer_.place(), info_.uuid, link, change, words);
  committer_.publish(order, bytes, link.sequence);
  linker_.accept(link, change);
  return link.sequence;
}

Sequence Writer::append(DatasetChain& dataset, const NumberChange& change) {
  const auto sequence = append_number([&] { return &dataset; }, change, 0, 0);
  return sequence != 0 ? sequence : append_any(event_of(dataset.key, change));
}

Sequence Writer::append(std::string_view key, const NumberChange& change) {
  const auto sequence = append_number([&] { return &linker_.dataset(key); }, change, 0, 0);
  return sequence != 0 ? sequence : append_any(event_of(key, change));
}

Sequence Writer::mutate_element(DatasetChain& dataset, std::span<const std::int64_t> start,
                                std::span<const std::byte> element) {
  NumberChange change{NumberChange::What::mutate, {}, 0, 0, start};
  Type type;
  const auto find = [&]() -> DatasetChain* {
    if (dataset.form != Form::array) return &dataset;  // to be refused
    if (!is_plain(dataset.type) || element.size() != dataset.type.size()) {
      type = dataset.type;
      return nullptr;
    }
    change.number = plain_number(dataset.type, element);
    return &dataset;
  };
  if (const auto sequence = append_number(find, change, 0, 0); sequence != 0) return sequence;
  if (type == Type()) type = {change.number.kind, change.number.size};  // it was for its length
  Event event;
  event.key = dataset.key;
  event.body = element_change(start, type, element);
  return append_any(event);
}

Sequence Writer::append(const Event& event, std::optional<std::uint64_t>* hash) {
  if (const auto change = number_change(event)) {
    const auto find = [&] { return &linker_.dataset(event.key); };
    const auto sequence = append_number(find, *change, event.time, event.monotonic);
    if (sequence != 0) return sequence;
  }
  return append_any(event, hash);
}

Sequence Writer::append_any(const Event& event, std::optional<std::uint64_t>* hash) {
  check_usable();
  check_appendable(event.body);
  auto& encoder = thread_encoder();
  encoder.encode(event);
  if (encoder.payload_bytes() > max_record_payload) {
    split(encoder, event);
    hash = nullptr;
  }
  return append_encoded(encoder, encoder.payload(), encoder.payload_bytes(), event, hash);
}

// Journals the payload's front as `part` events of their own and encodes the event anew with the rest. Until the event
// itself is there the parts mean nothing, so a crash in between leaves the dataset as it was.
void Writer::split(Encoder& encoder, const Event& event) {
  std::vector<Sequence> parts;
  Encoder part_encoder;
  std::uint64_t offset = 0;
  for (; encoder.payload_bytes() - offset > max_record_payload; offset += max_record_payload) {
    Event part;
    part.body = Part{};
    part.time = event.time;
    part.monotonic = event.monotonic;
    part_encoder.encode(part);
    const auto payload = range(encoder.payload(), offset, max_record_payload);
    parts.push_back(append_encoded(part_encoder, payload, max_record_payload, part));
  }
  encoder.encode(event, parts);
  encoder.drop_payload(offset);
}

Sequence Writer::append_encoded(Encoder& encoder, Encoder::Pieces payload, std::uint64_t payload_bytes,
                                const Event& event, std::optional<std::uint64_t>* hash) {
  const auto words = encoder.message().size() / 8;
  const auto bytes = record_bytes(words, payload_bytes);
  const bool direct = !committer_.fits_intake(bytes);

  auto order = committer_.order();
  if (direct) {
    committer_.begin_direct(order);
  } else if (!committer_.has_room(bytes)) {
    committer_.wait_for_room(order, bytes);
  }
  try {
    // From here on nobody else gets in. First everything that may be refused, then what changes our memory of the run.
    const auto monotonic = Clock::monotonic();
    const auto link = linker_.link(event, event.time != 0 ? event.time : clock_.wall(monotonic),
                                   event.monotonic != 0 ? event.monotonic : monotonic);
    fill(link, encoder.event());
    auto header = open_header(encoder, info_.uuid, link.sequence);
    header.payload_bytes = payload_bytes;
    auto* const first = hash != nullptr && !payload.empty() ? &hash->emplace() : nullptr;
    if (direct) {
      committer_.commit_direct(order, header, encoder.message(), payload, first);
    } else {
      crash_point("append.before");
      auto* const to = committer_.place();
      std::memcpy(to + sizeof header, encoder.message().data(), encoder.message().size());
      const auto all = copy_and_hash(to + sizeof header + encoder.message().size(), payload, payload_bytes, first);
      header.checksum = record_checksum(header, encoder.message(), all);
      std::memcpy(to, &header, sizeof header);
      committer_.publish(order, bytes, link.sequence);
    }
    linker_.accept(link, event);
    return link.sequence;
  } catch (...) {
    if (direct && order.owns_lock()) committer_.abandon_direct(order);
    throw;
  }
}

std::optional<Outline> Writer::outline(std::string_view key) {
  check_usable();
  const auto order = committer_.order();
  const auto* dataset = linker_.find(key);
  if (dataset == nullptr) return std::nullopt;
  return Outline{dataset->form, dataset->type, Shape(dataset->shape), dataset->items};
}

void Writer::sync() {
  check_usable();
  committer_.sync();
}

void Writer::commit() {
  check_usable();
  committer_.commit();
}

std::uint64_t Writer::free_intake_bytes() const {
  check_usable();
  return committer_.free_bytes();
}

void Writer::close() {
  check_usable();
  if (closed_.exchange(true)) return;  // whatever happens below, this object has done what it can
  crash_point("close.before");
  committer_.stop();
  crash_point("close.committed");
  remove_file(path_ / "intake");
  // Nobody will answer any more; who asked sees that the run is not live.
  std::error_code ignored;
  std::filesystem::remove(request_file(path_), ignored);
  crash_point("close.removed");
  sync_directory(path_);
  crash_point("close.synced");
  lock_.reset();
}

JournalStatistics Writer::statistics() const {
  check_usable();
  return committer_.statistics();
}

}  // namespace daybook::detail
