#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/trace.h"

using namespace daybook;
using Catch::Matchers::Contains;

namespace {

// A decoder that has seen `header` and `begin`; lines are given without n and t.
class Trace {
 public:
  explicit Trace(const std::string& database = "{}") {
    line(R"("ev":"header","format":"artiq-dataset-trace","version":1,"artiq_version":"9.0")");
    line(R"("ev":"begin","rid":7,"class_name":"C","expid_pyon":"{}","start_time":1750000000.5,)"
         R"("start_time_bits":"41da13b860200000","database":)" +
         database);
  }
  const TraceLine& line(const std::string& members) {
    ++n_;
    return decoder_.decode("{\"n\":" + std::to_string(n_) + ",\"t\":" + std::to_string(n_) + ".25," + members + "}");
  }
  const TraceLine& set(const std::string& value, const std::string& key = "\"k\"") {
    return line("\"ev\":\"set\",\"key\":" + key + ",\"value\":" + value +
                R"(,"metadata":{"t":"dict","v":[]},"broadcast":false,"persist":false,"archive":true)");
  }
  Value value(const std::string& text) { return std::get<Set>(set(text).events.at(0).body).value.owned(); }
  TraceDecoder& decoder() { return decoder_; }

 private:
  TraceDecoder decoder_{"t.jsonl"};
  std::uint64_t n_ = 0;
};

std::string why(const std::string& members) {
  Trace trace;
  try {
    trace.line(members);
  } catch (const Error& e) {
    return e.what();
  }
  return "(decoded)";
}

std::string why_value(const std::string& value) {
  Trace trace;
  try {
    trace.value(value);
  } catch (const Error& e) {
    return e.what();
  }
  return "(decoded)";
}

std::vector<std::filesystem::path> golden_traces() {
  std::vector<std::filesystem::path> traces;
  for (const auto& entry : std::filesystem::directory_iterator(DAYBOOK_TESTS_DIR "/golden"))
    if (entry.path().extension() == ".jsonl") traces.push_back(entry.path());
  return traces;
}

}  // namespace

TEST_CASE("trace: every line of the golden traces decodes") {
  const auto traces = golden_traces();
  REQUIRE(traces.size() >= 15);
  int unstorable = 0;
  for (const auto& path : traces) {
    CAPTURE(path);
    TraceDecoder decoder(path.filename().string());
    std::ifstream file(path);
    std::string text;
    std::uint64_t lines = 0, events = 0;
    Nanoseconds time = 0;
    while (std::getline(file, text)) {
      const TraceLine& line = decoder.decode(text);
      CHECK(line.n == ++lines);
      CHECK(line.run.has_value() == (lines == 2));
      for (const Event& event : line.events) {
        CHECK(event.time >= time);
        time = event.time;
        ++events;
        if (const auto* set = std::get_if<Set>(&event.body))
          unstorable += set->value.form() == Form::unstorable ? 1 : 0;
      }
    }
    CHECK(decoder.has_ended());
    CHECK(events > 0);
  }
  CHECK(unstorable == 1);  // a None, which Flags sets and overwrites
}

TEST_CASE("trace: run, times and end") {
  TraceDecoder decoder("t");
  decoder.decode(R"({"n":1,"t":0.5,"ev":"header","format":"artiq-dataset-trace","version":1,"artiq_version":"9.0"})");
  const TraceLine& begin = decoder.decode(
      R"({"n":2,"t":1.0,"ev":"begin","rid":12,"class_name":"Scan","expid_pyon":"{\"a\": 1}","start_time":1.0,)"
      R"("start_time_bits":"41da13b860000004","database":{}})");
  REQUIRE(begin.run.has_value());
  CHECK(begin.run->rid == 12);
  CHECK(begin.run->class_name == "Scan");
  CHECK(begin.run->expid == "{\"a\": 1}");
  CHECK(begin.run->software_version == "9.0");
  CHECK(std::bit_cast<std::uint64_t>(begin.run->start_time) == 0x41da13b860000004);  // not the rounded decimal

  const TraceLine& stage = decoder.decode(
      R"({"n":3,"t":1.25,"ev":"stage","stage":"run","run_time":2.0,"run_time_bits":"41da13b860000019"})");
  REQUIRE(stage.events.size() == 1);
  const Event& event = stage.events[0];
  CHECK(std::bit_cast<std::uint64_t>(std::get<StageChanged>(event.body).run_time) == 0x41da13b860000019);
  CHECK(event.time - 1'750'000'000'000'000'000 == 250'000'954);  // 2^-22 * 4 s and the quarter second since begin

  const Nanoseconds before = event.time;
  const TraceLine& back = decoder.decode(R"({"n":4,"t":1.125,"ev":"stage","stage":"analyze"})");
  CHECK(back.events.at(0).time == before);  // never earlier than the one before

  decoder.decode(R"({"n":5,"t":3,"ev":"failed","stage":"run","type":"RuntimeError","message":"laser unlocked"})");
  decoder.decode(R"({"n":6,"t":3,"ev":"failed","stage":"analyze","type":"KeyError","message":"later"})");
  const Event ended = decoder.decode(R"({"n":7,"t":3,"ev":"end","status":"raised"})").events.at(0);
  CHECK(std::get<RunEnded>(ended.body).how == "raised RuntimeError: laser unlocked in run");
  CHECK_THROWS_WITH(decoder.decode(R"({"n":8,"t":3,"ev":"stage","stage":"run"})"),
                    Contains("t:8: the trace goes on after its end"));
}

TEST_CASE("trace: scalars") {
  Trace trace;
  CHECK(trace.value(R"({"t":"bool","v":true})") == Value(true));
  CHECK(trace.value(R"({"t":"int","v":"-9223372036854775808"})") == Value(std::numeric_limits<std::int64_t>::min()));
  CHECK(trace.value(R"({"t":"int","v":"9223372036854775808"})") == Value(std::uint64_t{1} << 63));
  CHECK(trace.value(R"({"t":"int","v":"18446744073709551616"})").form() == Form::unstorable);
  CHECK(trace.value(R"({"t":"int","v":"-9223372036854775809"})").form() == Form::unstorable);
  CHECK(trace.value(R"({"t":"float","bits":"7ff8000000000001","r":"nan"})") ==
        Value(std::bit_cast<double>(0x7ff8000000000001)));
  CHECK(trace.value(R"({"t":"float","bits":"8000000000000000","r":"-0.0"})") == Value(-0.0));
  CHECK(trace.value(R"({"t":"complex","re":"3ff0000000000000","im":"c000000000000000"})") ==
        Value(std::complex<double>(1, -2)));
  CHECK(trace.value(R"({"t":"str","v":"µ\u0000x"})") == Value(std::string_view("\xC2\xB5\0x", 4)));
  CHECK(trace.value(R"({"t":"bytes","b64":"/wA="})") == Value::bytes(std::string_view("\xFF\0", 2)));
  CHECK(trace.value(R"({"t":"none"})").python_type() == "NoneType");
  CHECK(trace.value(R"({"t":"dict","v":[[{"t":"str","v":"a"},{"t":"int","v":"1"}]]})").repr() == "{'a': 1}");
  CHECK(trace.value(R"({"t":"set","v":[{"t":"int","v":"1"}]})").repr() == "{1}");
  CHECK(trace.value(R"({"t":"ellipsis"})").form() == Form::unstorable);
  CHECK(trace.value(R"({"t":"empty","dtype":"<f4"})") == Value::null(Type::of<float>()));
  CHECK(trace.value(R"({"t":"npscalar","dtype":">i2","b64":"AQI="})").type() == Type(Kind::integer, 2, ByteOrder::big));
  CHECK(trace.value(R"({"t":"npscalar","dtype":"|S0","b64":""})").type() ==
        Type::fixed_string(1));  // as NumPy writes it
  CHECK(trace.value(R"({"t":"npscalar","dtype":"|V0","b64":""})").form() == Form::unstorable);
  CHECK(trace.value(R"({"t":"npscalar","dtype":"<U1","b64":"YQAAAA=="})").python_type() == "numpy.str_");
  CHECK(trace.value(R"({"t":"npscalar","dtype":"<M8[us]","b64":"AAAAAAAAAAA="})").form() == Form::unstorable);
}

TEST_CASE("trace: lone surrogates survive") {
  Trace trace;
  CHECK(trace.value(R"({"t":"str","v":"a\ud800b"})") == Value("a\xED\xA0\x80"
                                                              "b"));
  CHECK(trace.value(R"({"t":"str","v":"\udfff\ud83d\ude00"})") == Value("\xED\xBF\xBF\xF0\x9F\x98\x80"));
  CHECK(trace.value(R"({"t":"str","v":"\\ud800"})") == Value("\\ud800"));  // a backslash, no escape
  CHECK(trace.value(R"({"t":"str","v":"\\\ud800"})") == Value("\\\xED\xA0\x80"));
  CHECK(trace.value(R"({"t":"str","v":"\ud83d\ude00"})") == Value("\xF0\x9F\x98\x80"));
  // The mark that stands for them inside is a character like another to a trace.
  CHECK(trace.value("{\"t\":\"str\",\"v\":\"\\ud800\xEF\xB7\x90\\ufdd0\\uFDD0d800\"}") ==
        Value("\xED\xA0\x80\xEF\xB7\x90\xEF\xB7\x90\xEF\xB7\x90"
              "d800"));
  CHECK(trace.set(R"({"t":"bool","v":true})", R"("key\udc80")").events.at(0).key == "key\xED\xB2\x80");
  CHECK_THAT(why(R"("ev":"set","key":"\ud800)"), Contains("t.jsonl:3: is not JSON"));
}

TEST_CASE("trace: lists") {
  Trace trace;
  const double floats[] = {1.5, -2};
  CHECK(trace.value(
            R"({"t":"list","v":[{"t":"float","bits":"3ff8000000000000"},{"t":"float","bits":"c000000000000000"}]})") ==
        Value::list_of<double>(floats));
  CHECK(trace.value(R"({"t":"tuple","v":[{"t":"int","v":"1"},{"t":"float","bits":"3ff8000000000000"}]})") ==
        Value::list({Value(std::int64_t{1}), Value(1.5)}));
  CHECK(trace.value(R"({"t":"list","v":[{"t":"int","v":"1"},{"t":"int","v":"9223372036854775808"}]})") ==
        Value::list({Value(std::int64_t{1}), Value(std::uint64_t{1} << 63)}));
  CHECK(trace.value(R"({"t":"list","v":[{"t":"int","v":"1"},{"t":"none"}]})").item(1).form() == Form::unstorable);
  CHECK(trace.value(R"({"t":"list","v":[]})") == Value::list({}));
  CHECK(trace.value(R"({"t":"list","v":[{"t":"list","v":[]}]})") == Value::list({Value::list({})}));
  const std::int64_t down[] = {5, 3, 1};
  CHECK(trace.value(R"({"t":"range","v":[5,0,-2]})") == Value::list_of<std::int64_t>(down));
  CHECK(trace.value(R"({"t":"range","v":[0,0,1]})") == Value::list({}));
  CHECK(trace.value(R"({"t":"range","v":[0,1000000000000,1]})").form() == Form::unstorable);
  std::string deep = R"({"t":"int","v":"1"})";
  for (int i = 0; i < 100; ++i) deep = R"({"t":"list","v":[)" + deep + "]}";
  CHECK_NOTHROW(trace.value(deep));
}

TEST_CASE("trace: arrays and dtypes") {
  Trace trace;
  CHECK(trace.value(R"({"t":"ndarray","dtype":"<f2","shape":[2],"b64":"ADwAwA=="})").type() == Type(Kind::floating, 2));
  CHECK(trace.value(R"({"t":"ndarray","dtype":"<f16","shape":[0],"b64":""})").type() == Type(Kind::floating, 16));
  CHECK(trace.value(R"({"t":"ndarray","dtype":">c8","shape":[1],"b64":"AAAAAAAAAAA="})").type() ==
        Type(Kind::complex, 8, ByteOrder::big));
  CHECK(trace.value(R"({"t":"ndarray","dtype":"<c32","shape":[0],"b64":""})").type() == Type(Kind::complex, 32));
  const Value scalar = trace.value(R"({"t":"ndarray","dtype":"|b1","shape":[],"b64":"AQ=="})");
  CHECK(scalar.form() == Form::array);
  CHECK(scalar.shape().empty());
  CHECK(scalar.type() == Type::of<bool>());
  CHECK(trace.value(R"({"t":"ndarray","dtype":"|i1","shape":[2,0,3],"b64":""})").shape() == Shape{2, 0, 3});
  CHECK(trace.value(R"({"t":"bytearray","b64":"AQI="})").type() == Type(Kind::unsigned_integer, 1));

  const Value record = trace.value(
      R"({"t":"ndarray","shape":[1],"b64":"AQAAAAAAAAACAwQFAAAAAAAAAAA=","dtype":{"itemsize":20,"names":["a","b","c"],)"
      R"("offsets":[0,8,12],"formats":["|b1",{"base":"|u1","shape":[2,2]},{"itemsize":4,"names":["x"],"formats":[">u2"],"offsets":[2]}]}})");
  REQUIRE(record.type().members().size() == 3);
  CHECK(record.type().size() == 20);
  CHECK(record.type().members()[1].dims == Shape{2, 2});
  CHECK(record.type().members()[2].type.members()[0].offset == 2);

  const Value strings = trace.value(
      R"({"t":"ndarray","dtype":{"str":"|O","string":"ascii","length":null},"shape":[2],"v":[{"t":"bytes","b64":"eA=="},{"t":"str","v":""}]})");
  CHECK(strings.type() == Type::string(Charset::ascii));
  CHECK(strings.string_at(0) == "x");
  CHECK(trace.value(R"({"t":"ndarray","dtype":{"str":"|S3","string":"utf-8","length":3},"shape":[1],"b64":"YWJj"})")
            .type() == Type::fixed_string(3, Charset::utf8));
  const Value colours =
      trace.value(R"({"t":"ndarray","dtype":{"str":"|i1","enum":{"RED":2,"BLUE":-1}},"shape":[1],"b64":"Ag=="})");
  CHECK(colours.type() == Type::enumeration(Type(Kind::integer, 1), {"BLUE", "RED"}, {-1, 2}));
  const Value vlens = trace.value(
      R"({"t":"ndarray","dtype":{"str":"|O","vlen":"<i2"},"shape":[2],"v":[{"t":"ndarray","dtype":"<i2","shape":[2],"b64":"AQACAA=="},)"
      R"({"t":"ndarray","dtype":"<i2","shape":[0],"b64":""}]})");
  CHECK(vlens.type() == Type::vlen(Type(Kind::integer, 2)));
  CHECK(vlens.string_at(0).size() == 4);
  CHECK(vlens.string_at(1).empty());

  const Value objects =
      trace.value(R"({"t":"ndarray","dtype":"|O","shape":[2,1],"v":[{"t":"str","v":"a"},{"t":"none"}]})");
  CHECK(objects.form() == Form::objects);
  CHECK(objects.shape() == Shape{2, 1});
  CHECK(trace.value(R"({"t":"ndarray","dtype":"<U2","shape":[1],"b64":"YQAAAGIAAAA="})").form() == Form::unstorable);
}

TEST_CASE("trace: other sequences are lists, array.array is an array") {
  Trace trace;
  const std::string three = R"({"t":"ndarray","dtype":"<i2","shape":[2],"b64":"AQACAA=="})";
  CHECK(trace.value(R"({"t":"other","type":"deque","r":"…","asarray":)" + three + "}").form() == Form::list);
  CHECK(trace.value(R"({"t":"other","type":"Thing","r":"<Thing>"})").repr() == "<Thing>");
  const std::string typed = R"({"t":"other","type":"array.array","r":"…","asarray":)" + three + "}";
  CHECK(trace.value(typed).form() == Form::array);
  CHECK(std::holds_alternative<Append>(
      trace.line(R"("ev":"append","key":"k","value":{"t":"int","v":"3"})").events.at(0).body));
  const Event& item = trace
                          .line(R"("ev":"mutate","key":"k","index":{"t":"int","v":"-1"},"value":{"t":"int","v":"-2"},)"
                                R"("resolved":{"kind":"item","index":1,"value":{"t":"int","v":"-2"}})")
                          .events.at(0);
  const auto& mutate = std::get<Mutate>(item.body);
  CHECK(mutate.region.start[0] == 1);
  const std::int16_t minus_two[] = {-2};
  CHECK(mutate.value == Value::array(minus_two, Shape{1}));
}

TEST_CASE("trace: calls become events") {
  Trace trace(R"({"old":{"t":"list","v":[]}})");
  const TraceLine& set = trace.line(
      R"("ev":"set","key":"a","value":{"t":"list","v":[]},"metadata":{"t":"dict","v":[[{"t":"str","v":"unit"},{"t":"str","v":"us"}],)"
      R"([{"t":"str","v":"precision"},{"t":"int","v":"3"}]]},"broadcast":true,"persist":true,"archive":false,"obj":1,"new_member":0)");
  const auto& body = std::get<Set>(set.events.at(0).body);
  CHECK(body.broadcast);
  CHECK(body.persist);
  CHECK_FALSE(body.archive);
  REQUIRE(body.metadata.size() == 2);
  CHECK(body.metadata[0].name == "unit");
  CHECK(body.metadata[0].value == Value("us"));
  CHECK(body.metadata[1].value == Value(std::int64_t{3}));

  CHECK(trace.line(R"("ev":"append","key":"a","value":{"t":"int","v":"1"},"raised":{"type":"E","message":""})")
            .events.empty());
  const auto& append = trace.line(R"("ev":"append","key":"a","value":{"t":"int","v":"1"})").events.at(0);
  CHECK(append.key == "a");
  CHECK(std::get<Append>(append.body).value == Value(std::int64_t{1}));

  // Only the master's database had it: it is journaled as that first.
  const TraceLine& old = trace.line(R"("ev":"append","key":"old","value":{"t":"int","v":"1"})");
  REQUIRE(old.events.size() == 2);
  CHECK_FALSE(std::get<Set>(old.events[0].body).archive);
  CHECK(std::get<Set>(old.events[0].body).broadcast);
  CHECK(trace.line(R"("ev":"append","key":"old","value":{"t":"int","v":"1"})").events.size() == 1);
  CHECK_THAT(why(R"("ev":"append","key":"new","value":{"t":"int","v":"1"})"),
             Contains("t.jsonl:3: 'new' is changed, but was never set"));

  const TraceLine& region = trace.line(
      R"("ev":"mutate","key":"a","index":{"t":"int","v":"0"},"value":{"t":"int","v":"0"},"resolved":{"kind":"region","start":[3],)"
      R"("count":[2],"step":[-2],"value":{"t":"ndarray","dtype":"|u1","shape":[2],"b64":"AQI="}})");
  CHECK(std::get<Mutate>(region.events.at(0).body).region.step[0] == -2);
  CHECK(std::holds_alternative<MutateItem>(
      trace
          .line(R"("ev":"mutate","key":"a","index":{"t":"int","v":"0"},"value":{"t":"int","v":"0"},)"
                R"("resolved":{"kind":"item","index":0,"value":{"t":"int","v":"5"}})")
          .events.at(0)
          .body));
  CHECK(std::holds_alternative<Replace>(
      trace
          .line(R"("ev":"mutate","key":"a","index":{"t":"int","v":"0"},"value":{"t":"int","v":"0"},)"
                R"("resolved":{"kind":"full","value":{"t":"none"}})")
          .events.at(0)
          .body));
  // It holds None now, which stays None to HDF5 whatever is done to it.
  CHECK(std::get<Replace>(trace.line(R"("ev":"append","key":"a","value":{"t":"int","v":"1"})").events.at(0).body)
            .value.form() == Form::unstorable);

  CHECK(trace.line(R"("ev":"get","key":"a","archive":true,"from":"local")").events.empty());
  CHECK(trace.line(R"("ev":"get","key":"x","archive":false,"from":"db","value":{"t":"int","v":"1"},"archived":false)")
            .events.empty());
  CHECK(std::holds_alternative<Archived>(
      trace.line(R"("ev":"get","key":"x","archive":true,"from":"db","value":{"t":"int","v":"1"},"archived":true)")
          .events.at(0)
          .body));
  CHECK(std::holds_alternative<Archived>(
      trace.line(R"("ev":"inplace","group":"archive","key":"x","obj":1,"value":{"t":"int","v":"2"})")
          .events.at(0)
          .body));
  CHECK(std::holds_alternative<Replace>(
      trace.line(R"("ev":"inplace","group":"datasets","key":"a","obj":1,"value":{"t":"int","v":"2"})")
          .events.at(0)
          .body));
  CHECK(trace.line(R"("ev":"get_metadata","key":"a","value":{"t":"none"})").events.empty());
}

TEST_CASE("trace: keys that are no text") {
  Trace trace;
  const std::string value = R"({"t":"int","v":"1"})";
  CHECK(trace.set(value, R"({"t":"int","v":"5"})").events.at(0).key == "5");
  CHECK(trace.set(value, R"({"t":"int","v":"5"})").events.at(0).key == "5");
  CHECK(trace.set(value, R"({"t":"tuple","v":[{"t":"str","v":"t"}]})").events.at(0).key == "('t',)");
  CHECK_THROWS_WITH(trace.set(value, R"("5")"), Contains("two keys of different types have one name: '5'"));
  Trace other;
  other.set(value, R"("5")");
  CHECK_THROWS_WITH(other.set(value, R"({"t":"int","v":"5"})"), Contains("t.jsonl:4: two keys"));
}

TEST_CASE("trace: malformed lines are named") {
  const std::string set =
      R"("metadata":{"t":"dict","v":[]},"broadcast":false,"persist":false,"archive":true,"ev":"set")";
  CHECK_THAT(why(R"("ev":"jump")"), Contains("t.jsonl:3: there is no event 'jump'"));
  CHECK_THAT(why(R"("key":"a")"), Contains("t.jsonl:3: member 'ev' is missing"));
  CHECK_THAT(why(set + R"(,"key":"a")"), Contains("member 'value' is missing"));
  CHECK_THAT(why(set + R"(,"value":{"t":"none"})"), Contains("member 'key' is missing"));
  CHECK_THAT(why(R"("ev":"stage")"), Contains("member 'stage' is missing"));
  CHECK_THAT(why(R"("ev":"header")"), Contains("a second header"));
  CHECK_THAT(why(R"("ev":"begin")"), Contains("a second begin"));
  CHECK_THAT(why_value(R"({"t":"moon"})"), Contains("there is no kind of value 'moon'"));
  CHECK_THAT(why_value(R"(5)"), Contains("a value is an object"));
  CHECK_THAT(why_value(R"({"t":"int","v":"1x"})"), Contains("'1x' is not a decimal integer"));
  CHECK_THAT(why_value(R"({"t":"float","bits":"3ff8"})"), Contains("16 hex digits"));
  CHECK_THAT(why_value(R"({"t":"bytes","b64":"AAA"})"), Contains("multiple of four"));
  CHECK_THAT(why_value(R"({"t":"bytes","b64":"A*A="})"), Contains("none of base64"));
  CHECK_THAT(why_value(R"({"t":"bytes","b64":"AA=A"})"), Contains("none of base64"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"<f8","shape":[2],"b64":"AAAAAAAAAAA="})"),
             Contains("holds 8 bytes, but 2 elements of <f8 need 16"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"<f8","shape":[4611686018427387904,4],"b64":""})"),
             Contains("t.jsonl:3"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"|O","shape":[2],"v":[]})"),
             Contains("'v' holds 0 items, but the shape has 2"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"<f9","shape":[0],"b64":""})"), Contains("t.jsonl:3"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"f","shape":[0],"b64":""})"), Contains("'f' is not a dtype"));
  CHECK_THAT(why_value(R"({"t":"ndarray","dtype":"<f8","shape":[-1],"b64":""})"), Contains("no size"));

  TraceDecoder gap("t");
  gap.decode(R"({"n":1,"t":0,"ev":"header","format":"artiq-dataset-trace","version":1})");
  CHECK_THROWS_WITH(gap.decode(R"({"n":3,"t":0,"ev":"begin"})"), Contains("t:2: 'n' is 3 where 2 was due"));
  TraceDecoder no_begin("t");
  no_begin.decode(R"({"n":1,"t":0,"ev":"header","format":"artiq-dataset-trace","version":1})");
  CHECK_THROWS_WITH(no_begin.decode(R"({"n":2,"t":0,"ev":"stage","stage":"run"})"),
                    Contains("'stage' comes before 'begin'"));
  CHECK_THROWS_WITH(TraceDecoder("t").decode(""), Contains("t:1: the line is empty"));
  CHECK_THROWS_WITH(TraceDecoder("t").decode("{\"n\":1"), Contains("t:1: is not JSON: it ends too early"));
  CHECK_THROWS_WITH(TraceDecoder("t").decode("garbage"), Contains("t:1: is not JSON"));
  CHECK_THROWS_WITH(TraceDecoder("t").decode(R"({"n":1,"t":0,"ev":"header","format":"other","version":1})"),
                    Contains("not a trace"));
  CHECK_THROWS_AS(TraceDecoder("t").decode(R"({"n":1,"t":0,"ev":"header","format":"artiq-dataset-trace","version":2})"),
                  UnsupportedError);
}
