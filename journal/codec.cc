#include "daybook/journal/codec.h"

#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "daybook/journal/error.h"
#include "daybook/journal/number.h"
#include "daybook/journal/payload.h"

namespace daybook::detail {

namespace {

using Bytes = std::span<const std::byte>;

constexpr int reader_nesting_limit = 4 * static_cast<int>(max_nesting);

std::string_view view(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

Type plain_type(std::uint8_t kind, std::uint8_t order, std::uint8_t charset, std::uint32_t size) {
  if (kind > static_cast<std::uint8_t>(Kind::vlen) || order > 1 || charset > 1) {
    throw CorruptError("a type of unknown kind " + std::to_string(kind));
  }
  const auto set = static_cast<Charset>(charset);
  switch (static_cast<Kind>(kind)) {
    case Kind::string:
      return Type::string(set);
    case Kind::fixed_string:
      return Type::fixed_string(size, set);
    default:
      return {static_cast<Kind>(kind), size, static_cast<ByteOrder>(order)};
  }
}

Shape read_dims(capnp::List<std::uint64_t>::Reader dims) {
  Shape shape;
  for (const auto extent : dims) shape.push_back(extent);
  return shape;
}

Type read_type(wire::Type::Reader from) {
  switch (static_cast<Kind>(from.getKind())) {
    case Kind::compound: {
      std::vector<Member> members;
      for (const auto member : from.getMembers()) {
        members.push_back({std::string(view(member.getName())), member.getOffset(), read_type(member.getType()),
                           read_dims(member.getDims())});
      }
      return Type::compound(from.getSize(), std::move(members));
    }
    case Kind::enumeration: {
      std::vector<std::string> names;
      std::vector<std::int64_t> values;
      for (const auto name : from.getNames()) names.emplace_back(view(name));
      for (const auto value : from.getValues()) values.push_back(value);
      return Type::enumeration(read_type(from.getBase()), std::move(names), std::move(values));
    }
    case Kind::vlen:
      return Type::vlen(read_type(from.getBase()));
    default:
      return plain_type(from.getKind(), from.getOrder(), from.getCharset(), from.getSize());
  }
}

// Hands out the payload's bytes in the order in which values were built.
class Payload {
 public:
  explicit Payload(std::vector<Bytes> pieces) : pieces_(std::move(pieces)) {
    for (const auto& piece : pieces_) left_ += piece.size();
  }

  std::vector<Bytes> take(std::uint64_t bytes) {
    std::vector<Bytes> taken;
    if (bytes == 0) return taken;
    if (bytes > left_) throw CorruptError("its values need more payload than there is");
    const auto padding = std::min(padded(bytes) - bytes, left_ - bytes);
    advance(bytes, &taken);
    advance(padding, nullptr);
    return taken;
  }

 private:
  void advance(std::uint64_t bytes, std::vector<Bytes>* taken) {
    left_ -= bytes;
    while (bytes != 0) {
      const auto part =
          pieces_[next_].subspan(offset_, std::min<std::uint64_t>(bytes, pieces_[next_].size() - offset_));
      if (taken != nullptr && !part.empty()) taken->push_back(part);
      bytes -= part.size();
      offset_ += part.size();
      if (offset_ == pieces_[next_].size()) {
        ++next_;
        offset_ = 0;
      }
    }
  }

  std::vector<Bytes> pieces_;
  std::size_t next_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t left_ = 0;
};

Value read_value(wire::Value::Reader from, Payload& payload, unsigned depth = 0) {
  if (depth > max_nesting) throw CorruptError("lists nested too deep");
  if (from.getForm() > static_cast<std::uint8_t>(Form::unstorable)) {
    throw CorruptError("a value of unknown form " + std::to_string(from.getForm()));
  }
  const auto form = static_cast<Form>(from.getForm());
  if (form == Form::unstorable) {
    return Value::unstorable(view(from.getUnstorable().getPythonType()), view(from.getUnstorable().getRepr()));
  }
  const auto type = needs_description(static_cast<Kind>(from.getKind()))
                        ? read_type(from.getType())
                        : plain_type(from.getKind(), from.getOrder(), from.getCharset(), from.getSize());
  auto pieces = payload.take(from.getBytes());
  std::vector<Value> runs;
  runs.reserve(from.getItems().size());
  for (const auto item : from.getItems()) runs.push_back(read_value(item, payload, depth + 1));
  auto value = Value::raw(form, type, read_dims(from.getDims()), from.getCount(), std::move(pieces), std::move(runs));
  value.check_empty_items();
  return value;
}

// Of a record that has lost the value's bytes.
Value read_elided_value(wire::Value::Reader from) {
  const auto bytes = payload_bytes(from);
  Payload none({});
  if (bytes == 0) return read_value(from, none);  // it had none to lose
  if (from.getForm() > static_cast<std::uint8_t>(Form::objects)) throw CorruptError("a value without bytes lost some");
  const auto type = needs_description(static_cast<Kind>(from.getKind()))
                        ? read_type(from.getType())
                        : plain_type(from.getKind(), from.getOrder(), from.getCharset(), from.getSize());
  std::uint64_t items = 0;
  for (const auto item : from.getItems()) items += item.getCount();
  return Value::elided(static_cast<Form>(from.getForm()), type, read_dims(from.getDims()), items, bytes);
}

std::vector<Attribute> read_attributes(capnp::List<wire::Attribute>::Reader from, Payload& payload) {
  std::vector<Attribute> attributes;
  attributes.reserve(from.size());
  for (const auto attribute : from)
    attributes.push_back({view(attribute.getName()), read_value(attribute.getValue(), payload)});
  return attributes;
}

Region read_region(capnp::List<std::int64_t>::Reader numbers) {
  if (numbers.size() % 3 != 0) throw CorruptError("a region needs start, count and step for each dimension");
  const auto rank = numbers.size() / 3;
  Region region;
  for (unsigned i = 0; i < rank; ++i) {
    region.start.push_back(numbers[i]);
    region.count.push_back(numbers[rank + i]);
    region.step.push_back(numbers[2 * rank + i]);
  }
  return region;
}

// The number that stands in the message in place of a value, in an array of this shape or (scalar) by itself.
Value read_number(wire::Event::Reader from, std::uint64_t bits, Form form, const Shape& shape) {
  const auto type = plain_type(static_cast<std::uint8_t>(from.getNumberKind() - 1), 0, 0, from.getNumberSize());
  if (!is_plain(type)) throw CorruptError("a number of type " + type.name() + " in its message");
  return Value::small(form, type, shape, std::as_bytes(std::span(&bits, 1)).first(type.size()));
}

// A region of one element.
Mutate read_element(wire::Event::Reader from) {
  Mutate body;
  Shape shape;
  for (const auto start : from.getMutate().getRegion()) {
    body.region.start.push_back(start);
    body.region.count.push_back(1);
    body.region.step.push_back(1);
    shape.push_back(1);
  }
  body.value = read_number(from, from.getMutate().getNumber(), Form::array, shape);
  return body;
}

EventBody read_body(wire::Event::Reader from, Payload& payload, Sequence sequence, bool elided) {
  const auto read_main = [&](auto group) {
    if constexpr (requires { group.getNumber(); })
      if (from.getNumberKind() != 0) return read_number(from, group.getNumber(), Form::scalar, {});
    return elided ? read_elided_value(group.getValue()) : read_value(group.getValue(), payload);
  };
  switch (from.which()) {
    case wire::Event::RUN_STARTED:
      return RunStarted{read_run_info(from.getRunStarted())};
    case wire::Event::STAGE_CHANGED:
      return StageChanged{view(from.getStageChanged().getStage()), from.getStageChanged().getRunTime()};
    case wire::Event::SET: {
      const auto set = from.getSet();
      Set body;
      body.value = read_main(set);
      body.metadata = read_attributes(set.getMetadata(), payload);
      body.options = read_attributes(set.getOptions(), payload);
      body.broadcast = (set.getFlags() & 1) != 0;
      body.persist = (set.getFlags() & 2) != 0;
      body.archive = (set.getFlags() & 4) != 0;
      body.born = set.getBorn();
      return body;
    }
    case wire::Event::MUTATE:
      if (from.getNumberKind() != 0) return read_element(from);
      return Mutate{read_region(from.getMutate().getRegion()), read_main(from.getMutate())};
    case wire::Event::MUTATE_ITEM:
      return MutateItem{from.getMutateItem().getIndex(), read_main(from.getMutateItem())};
    case wire::Event::REPLACE:
      return Replace{read_main(from.getReplace()), from.getReplace().getDeclared()};
    case wire::Event::APPEND:
      return Append{read_main(from.getAppend()), from.getAppend().getIndex()};
    case wire::Event::REMOVE:
      return Remove{};
    case wire::Event::ARCHIVED:
      return Archived{read_main(from.getArchived()), from.getArchived().getBorn()};
    case wire::Event::SET_ATTRIBUTE: {
      const auto set = from.getSetAttribute();
      return SetAttribute{view(set.getName()), set.getRemoved() ? Value() : read_value(set.getValue(), payload),
                          set.getRemoved()};
    }
    case wire::Event::CHECKPOINT:
      return Checkpoint{view(from.getCheckpoint())};
    case wire::Event::MATERIALIZED: {
      const auto made = from.getMaterialized();
      return Materialized{view(from.getKey()), view(made.getLayout()), view(made.getDigest()), made.getUpTo(),
                          view(made.getText())};
    }
    case wire::Event::RUN_ENDED:
      return RunEnded{view(from.getRunEnded())};
    case wire::Event::PART:
      return Part{};
    case wire::Event::LOST:
      return Lost{std::max(from.getLost(), sequence)};
  }
  return Unknown{static_cast<std::uint16_t>(from.which())};
}

// The message's words, on an 8-byte border; copied into `storage` if they do not stand on one.
kj::ArrayPtr<const capnp::word> words_of(const RecordView& record, std::shared_ptr<const void>& storage,
                                         RecordView& moved) {
  moved = record;
  if (reinterpret_cast<std::uintptr_t>(record.message.data()) % sizeof(capnp::word) != 0) {
    auto copy = std::make_shared<std::vector<capnp::word>>(record.bytes.size() / sizeof(capnp::word));
    std::memcpy(copy->data(), record.bytes.data(), record.bytes.size());
    const Bytes bytes(reinterpret_cast<const std::byte*>(copy->data()), record.bytes.size());
    moved.bytes = bytes;
    moved.message = bytes.subspan(sizeof(RecordHeader), record.message.size());
    moved.payload = bytes.subspan(sizeof(RecordHeader) + record.message.size(), record.payload.size());
    storage = std::move(copy);
  }
  return {reinterpret_cast<const capnp::word*>(moved.message.data()), moved.message.size() / sizeof(capnp::word)};
}

capnp::ReaderOptions limits(std::size_t words) {
  // By the size that is known: a message may be walked twice, not more, so that a hostile one cannot keep us busy.
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 2 * words + 64;
  options.nestingLimit = reader_nesting_limit;
  return options;
}

// Every way a message can turn out bad becomes one error that names the event.
template <class Function>
void guarded(Sequence sequence, const Function& function) {
  const auto event = [&] { return "event " + std::to_string(sequence); };
  try {
    function();
  } catch (const kj::Exception& e) {
    throw CorruptError(event() + ": its message is malformed (" + std::string(e.getDescription().cStr()) + ")");
  } catch (const InvalidError& e) {
    throw CorruptError(event() + ": " + e.what());
  } catch (CorruptError& e) {
    e.add_context(event());
    throw;
  }
}

void read_record(const RecordView& record, std::shared_ptr<const void>& storage,
                 const std::function<void(wire::Event::Reader, const RecordView&)>& read) {
  RecordView moved{};
  const auto words = words_of(record, storage, moved);
  const std::array<const kj::ArrayPtr<const capnp::word>, 1> segments{words};
  capnp::SegmentArrayMessageReader reader({segments.data(), segments.size()}, limits(words.size()));
  read(reader.getRoot<wire::Event>(), moved);
}

}  // namespace

RunInfo read_run_info(wire::RunInfo::Reader from) {
  RunInfo info;
  if (from.getUuid().size() != info.uuid.size()) throw CorruptError("the run's UUID is not 16 bytes");
  std::copy(from.getUuid().begin(), from.getUuid().end(), info.uuid.begin());
  info.rid = from.getRid();
  info.class_name = view(from.getClassName());
  info.expid = view(from.getExpid());
  info.start_time = from.getStartTime();
  info.software_version = view(from.getSoftwareVersion());
  info.host = view(from.getHost());
  info.pid = from.getPid();
  info.boot_id = view(from.getBootId());
  info.daybook_version = view(from.getDaybookVersion());
  info.layout = view(from.getLayout());
  info.results = view(from.getResults());
  info.pipeline = view(from.getPipeline());
  info.priority = from.getPriority();
  return info;
}

SalvageNote read_salvage_note(wire::Salvage::Reader from) {
  return {std::string(view(from.getSource())), from.getTime(), from.getLost(), from.getMade(),
          std::string(view(from.getDaybookVersion()))};
}

Event decode(const RecordView& record, const FetchPart& fetch) {
  Event event;
  event.sequence = record.header.sequence;
  guarded(event.sequence, [&] {
    if (auto number = number_event(record)) {
      event = std::move(*number);
      return;
    }
    read_record(record, event.storage, [&](wire::Event::Reader from, const RecordView& placed) {
      event.key = view(from.getKey());
      event.time = from.getTime();
      event.monotonic = from.getMonotonic();
      event.previous = from.getPrevious();
      event.base = from.getBase() == 0 ? event.sequence : from.getBase();
      event.depth = from.getDepth();
      if (from.isPart()) {
        event.body = Part{placed.payload, record.is_elided()};
        return;
      }
      std::vector<Bytes> pieces;
      if (!record.is_elided())
        for (const auto part : from.getParts()) pieces.push_back(fetch(part));
      pieces.push_back(placed.payload);
      Payload payload(std::move(pieces));
      event.body = read_body(from, payload, event.sequence, record.is_elided());
    });
  });
  return event;
}

void with_message(const RecordView& record, const std::function<void(wire::Event::Reader)>& read) {
  std::shared_ptr<const void> storage;
  guarded(record.header.sequence,
          [&] { read_record(record, storage, [&](wire::Event::Reader event, const RecordView&) { read(event); }); });
}

std::string chain_of(wire::Event::Reader event) {
  switch (event.which()) {
    case wire::Event::SET:
    case wire::Event::MUTATE:
    case wire::Event::MUTATE_ITEM:
    case wire::Event::REPLACE:
    case wire::Event::APPEND:
    case wire::Event::REMOVE:
      return head_key(Chain::dataset, view(event.getKey()));
    case wire::Event::ARCHIVED:
      return head_key(Chain::archive, view(event.getKey()));
    case wire::Event::SET_ATTRIBUTE:
      return head_key(Chain::attribute, view(event.getKey()), view(event.getSetAttribute().getName()));
    case wire::Event::STAGE_CHANGED:
      return head_key(Chain::stage, {});
    default:
      return {};
  }
}

}  // namespace daybook::detail
