#include "daybook/journal/encoder.h"

#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "daybook/journal/error.h"
#include "daybook/journal/number.h"

namespace daybook::detail {

namespace {

constexpr std::size_t first_scratch_words = 1024;
constexpr std::size_t kept_scratch_words = std::size_t{1} << 19;
constexpr std::array<std::byte, 8> zeros{};

capnp::Text::Reader text(std::string_view view) {
  // Cap'n Proto wants a NUL behind the text in Reader form only when it is read as a C string, which setters do not do.
  return {view.data(), view.size()};
}

template <class Builder, class Numbers>
void fill(Builder to, const Numbers& numbers) {
  for (unsigned i = 0; i < to.size(); ++i) to.set(i, numbers[i]);
}

void build_type(wire::Type::Builder to, const Type& type) {
  to.setKind(static_cast<std::uint8_t>(type.kind()));
  to.setOrder(static_cast<std::uint8_t>(type.order()));
  to.setCharset(static_cast<std::uint8_t>(type.charset()));
  to.setSize(type.size());
  const auto members = type.members();
  if (type.kind() == Kind::compound) {
    auto list = to.initMembers(static_cast<unsigned>(members.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(text(members[i].name));
      list[i].setOffset(members[i].offset);
      build_type(list[i].initType(), members[i].type);
      if (!members[i].dims.empty())
        fill(list[i].initDims(static_cast<unsigned>(members[i].dims.size())), members[i].dims);
    }
  }
  if (type.kind() == Kind::enumeration || type.kind() == Kind::vlen) build_type(to.initBase(), type.base());
  if (type.kind() == Kind::enumeration) {
    auto names = to.initNames(static_cast<unsigned>(type.enum_names().size()));
    for (unsigned i = 0; i < names.size(); ++i) names.set(i, text(type.enum_names()[i]));
    fill(to.initValues(static_cast<unsigned>(type.enum_values().size())), type.enum_values());
  }
}

}  // namespace

Encoder::Encoder() : scratch_(first_scratch_words) {}

void Encoder::encode(const Event& event, std::span<const Sequence> parts) {
  try {
    encode_whole(event, parts);
  } catch (const kj::Exception& e) {
    // The only way in which a builder fails; Cap'n Proto does not say it by std::bad_alloc.
    if (e.getType() == kj::Exception::Type::OVERLOADED) throw std::bad_alloc();
    throw;
  }
}

void Encoder::encode_whole(const Event& event, std::span<const Sequence> parts) {
  if (scratch_.size() > kept_scratch_words) {
    builder_.reset();
    scratch_ = std::vector<capnp::word>(first_scratch_words);
  }
  while (true) {
    build(event, parts);
    const auto segments = builder_->getSegmentsForOutput();
    if (segments.size() == 1) return;
    // A record holds one segment: build again with room for all of it.
    std::size_t words = 64;
    for (const auto segment : segments) words += segment.size();
    builder_.reset();
    scratch_ = std::vector<capnp::word>(words + words / 8);
  }
}

void Encoder::build(const Event& event, std::span<const Sequence> parts) {
  builder_.reset();
  builder_.emplace(kj::arrayPtr(scratch_.data(), scratch_.size()));
  pieces_.clear();
  payload_bytes_ = 0;
  auto root = builder_->initRoot<wire::Event>();
  if (!event.key.empty()) root.setKey(text(event.key));
  if (!parts.empty()) fill(root.initParts(static_cast<unsigned>(parts.size())), parts);
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, RunStarted>) {
          build_run_info(root.initRunStarted(), body.info);
        } else if constexpr (std::is_same_v<Body, StageChanged>) {
          auto to = root.initStageChanged();
          to.setStage(text(body.stage));
          to.setRunTime(body.run_time);
        } else if constexpr (std::is_same_v<Body, Set>) {
          auto to = root.initSet();
          build_main(root, to, body.value);
          if (!body.metadata.empty())
            build_attributes(to.initMetadata(static_cast<unsigned>(body.metadata.size())), body.metadata);
          if (!body.options.empty())
            build_attributes(to.initOptions(static_cast<unsigned>(body.options.size())), body.options);
          to.setFlags(flags_of(body.broadcast, body.persist, body.archive));
        } else if constexpr (std::is_same_v<Body, Mutate>) {
          build_mutate(root, body);
        } else if constexpr (std::is_same_v<Body, MutateItem>) {
          auto to = root.initMutateItem();
          build_main(root, to, body.value);
          to.setIndex(body.index);
        } else if constexpr (std::is_same_v<Body, Replace>) {
          build_main(root, root.initReplace(), body.value);
        } else if constexpr (std::is_same_v<Body, Append>) {
          build_main(root, root.initAppend(), body.value);
        } else if constexpr (std::is_same_v<Body, Remove>) {
          root.setRemove();
        } else if constexpr (std::is_same_v<Body, Archived>) {
          build_value(root.initArchived().initValue(), body.value, 0);
        } else if constexpr (std::is_same_v<Body, SetAttribute>) {
          auto to = root.initSetAttribute();
          to.setName(text(body.name));
          to.setRemoved(body.removed);
          if (!body.removed) build_value(to.initValue(), body.value, 0);
        } else if constexpr (std::is_same_v<Body, Checkpoint>) {
          root.setCheckpoint(text(body.name));
        } else if constexpr (std::is_same_v<Body, Materialized>) {
          auto to = root.initMaterialized();
          root.setKey(text(body.file));
          to.setLayout(text(body.layout));
          to.setDigest(text(body.digest));
          to.setUpTo(body.up_to);
          to.setText(text(body.text));
        } else if constexpr (std::is_same_v<Body, RunEnded>) {
          root.setRunEnded(text(body.how));
        } else if constexpr (std::is_same_v<Body, Part>) {
          root.setPart();
          add_bytes(body.bytes);
        } else if constexpr (std::is_same_v<Body, Lost>) {
          root.setLost(body.up_to);
        } else {
          throw InvalidError("an event of an unknown kind cannot be appended");
        }
      },
      event.body);
}

template <class Group>
void Encoder::build_main(wire::Event::Builder root, Group to, const Value& value) {
  if (const auto number = plain_number(value)) {
    root.setNumberKind(static_cast<std::uint8_t>(static_cast<std::uint8_t>(number->kind) + 1));
    root.setNumberSize(number->size);
    to.setNumber(number->bits);
  } else {
    build_value(to.initValue(), value, 0);
  }
}

void Encoder::build_mutate(wire::Event::Builder root, const Mutate& body) {
  auto to = root.initMutate();
  const auto& region = body.region;
  const auto rank = static_cast<unsigned>(region.start.size());
  if (is_one_number(region, body.value)) {
    const auto number = plain_number(body.value.type(), body.value.bytes());
    root.setNumberKind(static_cast<std::uint8_t>(static_cast<std::uint8_t>(number.kind) + 1));
    root.setNumberSize(number.size);
    to.setNumber(number.bits);
    if (rank != 0) fill(to.initRegion(rank), region.start);
    return;
  }
  build_value(to.initValue(), body.value, 0);
  auto numbers = to.initRegion(3 * rank);
  for (unsigned i = 0; i < rank; ++i) {
    numbers.set(i, region.start[i]);
    numbers.set(rank + i, region.count[i]);
    numbers.set(2 * rank + i, region.step[i]);
  }
}

void Encoder::build_value(wire::Value::Builder to, const Value& value, unsigned depth) {
  if (depth > max_nesting)
    throw InvalidError("lists nested more than " + std::to_string(max_nesting) + " deep cannot be journaled");
  value.check_empty_items();
  const auto& type = value.type();
  to.setForm(static_cast<std::uint8_t>(value.form()));
  to.setKind(static_cast<std::uint8_t>(type.kind()));
  to.setOrder(static_cast<std::uint8_t>(type.order()));
  to.setCharset(static_cast<std::uint8_t>(type.charset()));
  to.setSize(type.size());
  to.setCount(value.count());
  to.setBytes(value.byte_size());
  if (!value.shape().empty()) fill(to.initDims(static_cast<unsigned>(value.shape().size())), value.shape());
  if (needs_description(type.kind())) build_type(to.initType(), type);
  if (value.is_contiguous()) {
    add_bytes(value.bytes());
  } else {
    const auto before = payload_bytes_;
    for (const auto& piece : value.segments()) {
      pieces_.push_back(piece);
      payload_bytes_ += piece.size();
    }
    const auto padding = padded(payload_bytes_ - before) - (payload_bytes_ - before);
    if (padding != 0) add_bytes(std::span(zeros).first(padding));
  }
  if (!value.runs().empty()) {
    auto items = to.initItems(static_cast<unsigned>(value.runs().size()));
    for (unsigned i = 0; i < items.size(); ++i) build_value(items[i], value.runs()[i], depth + 1);
  }
  if (value.form() == Form::unstorable) {
    auto note = to.initUnstorable();
    note.setPythonType(text(value.python_type()));
    note.setRepr(text(value.repr()));
  }
}

void Encoder::build_attributes(capnp::List<wire::Attribute>::Builder to, std::span<const Attribute> attributes) {
  for (unsigned i = 0; i < to.size(); ++i) {
    to[i].setName(text(attributes[i].name));
    build_value(to[i].initValue(), attributes[i].value, 0);
  }
}

void Encoder::add_bytes(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  pieces_.push_back(bytes);
  payload_bytes_ += bytes.size();
  if (const auto padding = padded(bytes.size()) - bytes.size(); padding != 0) {
    pieces_.push_back(std::span(zeros).first(padding));
    payload_bytes_ += padding;
  }
}

std::span<const std::byte> Encoder::message() {
  const auto segment = builder_->getSegmentsForOutput()[0];
  return {reinterpret_cast<const std::byte*>(segment.begin()), segment.size() * sizeof(capnp::word)};
}

void Encoder::drop_payload(std::uint64_t bytes) {
  payload_bytes_ -= bytes;
  auto piece = pieces_.begin();
  for (; bytes != 0 && bytes >= piece->size(); ++piece) bytes -= piece->size();
  if (bytes != 0) *piece = piece->subspan(bytes);
  pieces_.erase(pieces_.begin(), piece);
}

RecordHeader open_header(Encoder& encoder, const Uuid& uuid, Sequence sequence) {
  RecordHeader header{};
  header.magic = record_magic;
  header.message_words = static_cast<std::uint32_t>(encoder.message().size() / 8);
  header.payload_bytes = encoder.payload_bytes();
  std::memcpy(header.uuid, uuid.data(), uuid.size());
  header.sequence = sequence;
  return header;
}

RecordHeader sealed_header(Encoder& encoder, const Uuid& uuid, Sequence sequence) {
  auto header = open_header(encoder, uuid, sequence);
  header.checksum = record_checksum(header, encoder.message(), 0);
  return header;
}

void build_run_info(wire::RunInfo::Builder to, const RunInfo& info) {
  to.setUuid({info.uuid.data(), info.uuid.size()});
  to.setRid(info.rid);
  to.setClassName(text(info.class_name));
  to.setExpid(text(info.expid));
  to.setStartTime(info.start_time);
  to.setSoftwareVersion(text(info.software_version));
  to.setHost(text(info.host));
  to.setPid(info.pid);
  to.setBootId(text(info.boot_id));
  to.setDaybookVersion(text(info.daybook_version));
  if (!info.layout.empty()) to.setLayout(text(info.layout));
  if (!info.results.empty()) to.setResults(text(info.results));
  if (!info.pipeline.empty()) to.setPipeline(text(info.pipeline));
  to.setPriority(info.priority);
}

}  // namespace daybook::detail
