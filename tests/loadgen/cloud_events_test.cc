#include "loadgen/trace/cloud_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>
#include <string>

#include "events/kind.h"
#include "events/payloads/sample.h"
#include "payloads.pb.h"
#include "tests/events/equality.h"
#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

using routebench::testing::TemporaryDirectory;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPlain[] =
    R"({"specversion":"1.0","id":"a","source":"/s","type":"routebench.filesystem.file_created",)"
    R"("time":"2026-01-31T12:00:00.123456789Z","subject":"src/main.cc","data":{"path":"c3JjL21haW4uY2M=","size_bytes":"42"}})";

std::string With(const std::string& members) {
  return R"({"specversion":"1.0","id":"a","source":"/s","type":"com.example.shipped","time":"2026-01-31T12:00:00Z")" +
         members + "}";
}

std::string ErrorOf(const std::string& line) {
  const auto event = ParseCloudEvent(line);
  if (event.ok()) return "accepted";
  EXPECT_TRUE(absl::IsInvalidArgument(event.status()));
  return std::string(event.status().message());
}

TEST(CloudEvents, ReadsWhatAnyToolCanWrite) {
  const auto traced = ParseCloudEvent(kPlain);
  ASSERT_TRUE(traced.ok()) << traced.status();
  EXPECT_FALSE(traced->unknown_type);
  EXPECT_EQ(traced->unix_ns, 1769860800123456789);
  EXPECT_EQ(traced->event.header.kind, EventKind::kFileCreated);
  EXPECT_EQ(AttributesOf(traced->event).source.id, "/s");
  const auto& body = static_cast<const payloads::FileCreated&>(traced->event.payload.message());
  EXPECT_EQ(body.path(), "src/main.cc");
  EXPECT_EQ(body.size_bytes(), 42u);
  EXPECT_TRUE(AttributesOf(traced->event).metadata.empty());
}

TEST(CloudEvents, ShowsThePathAndKeepsItsBytes) {
  auto body = std::make_shared<payloads::FileCreated>();
  body->set_path("caf\xe9/\"main\".cc");
  TraceEvent traced;
  traced.event.header.kind = EventKind::kFileCreated;
  traced.event.payload = Payload::Typed(body);
  const auto line = ToCloudEvent(traced);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("\"subject\":\"caf\uFFFD/\\\"main\\\".cc\""));
  const auto back = ParseCloudEvent(*line);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(SamePayload(back->event.payload, traced.event.payload));
}

class EveryKind : public ::testing::TestWithParam<int> {};

TEST_P(EveryKind, SurvivesTheWayThroughATrace) {
  const auto kind = static_cast<EventKind>(GetParam());
  TraceEvent traced;
  traced.unix_ns = 1'700'000'000'000'000'001;
  traced.event.header.kind = kind;
  traced.event.header.id = EventId{1, 2};
  traced.event.header.correlation = EventId{3, 4};
  traced.event.header.causation = EventId{5, 6};
  traced.event.header.priority = Priority::kCritical;
  Attributes attributes;
  attributes.source = {"/build", "compiler", "2"};
  attributes.metadata = {{"dataschema", "x"}, {"tenant", "blue"}};
  if (kind == EventKind::kCustom) {
    attributes.custom_name = "com.example.shipped";
    attributes.content_type = "text/plain";
  }
  traced.event.attributes = std::make_shared<const Attributes>(attributes);
  traced.event.payload = SamplePayload(kind, 600, 7).value();

  const auto line = ToCloudEvent(traced);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->find('\n'), std::string::npos);
  const auto back = ParseCloudEvent(*line);
  ASSERT_TRUE(back.ok()) << back.status() << "\n" << *line;
  EXPECT_TRUE(SameEvent(back->event, traced.event)) << *line;
  EXPECT_EQ(back->unix_ns, traced.unix_ns);
  EXPECT_EQ(back->unknown_type, kind == EventKind::kCustom);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, ::testing::Range(0, static_cast<int>(kKindCount)));

TEST(CloudEvents, KeepsAnUnknownTypeAsCustom) {
  const auto traced =
      ParseCloudEvent(With(R"(,"data":{"order":[1,2]},"tenant":"blue","retry":3,"hot":true)"));
  ASSERT_TRUE(traced.ok()) << traced.status();
  EXPECT_TRUE(traced->unknown_type);
  EXPECT_EQ(traced->event.header.kind, EventKind::kCustom);
  const Attributes& attributes = AttributesOf(traced->event);
  EXPECT_EQ(attributes.custom_name, "com.example.shipped");
  EXPECT_EQ(attributes.content_type, "application/json");
  EXPECT_EQ(traced->event.payload.bytes(), R"({"order":[1,2]})");
  EXPECT_THAT(attributes.metadata,
              ::testing::UnorderedElementsAre(::testing::Pair("tenant", "blue"),
                                              ::testing::Pair("retry", "3"), ::testing::Pair("hot", "true")));
}

TEST(CloudEvents, ReadsTextAndBase64BodiesOfUnknownTypes) {
  EXPECT_EQ(ParseCloudEvent(With(R"(,"datacontenttype":"text/xml","data":"<a/>")"))->event.payload.bytes(),
            "<a/>");
  EXPECT_EQ(ParseCloudEvent(With(R"(,"data_base64":"AAEC")"))->event.payload.bytes(),
            std::string("\0\1\2", 3));
  EXPECT_EQ(ParseCloudEvent(With(""))->event.payload.encoded_size(), 0u);
}

TEST(CloudEvents, ReadsTimesWithOffsets) {
  const auto traced = ParseCloudEvent(
      R"({"specversion":"1.0","id":"a","source":"/s","type":"t","time":"2026-01-31T13:00:00.5+01:00"})");
  ASSERT_TRUE(traced.ok()) << traced.status();
  EXPECT_EQ(traced->unix_ns, 1769860800500000000);
}

TEST(CloudEvents, SaysWhatIsWrongWithALine) {
  EXPECT_THAT(ErrorOf(""), StartsWith("not JSON at column 1: it ends too early"));
  EXPECT_THAT(ErrorOf(R"({"specversion":"1.0",)"), StartsWith("not JSON at column"));
  EXPECT_THAT(ErrorOf(std::string(kPlain) + "x"), HasSubstr("not JSON at column"));
  EXPECT_EQ(ErrorOf("[]"), "not a JSON object");
  EXPECT_EQ(ErrorOf("{}"), "no 'specversion'");
  EXPECT_THAT(
      ErrorOf(R"({"specversion":"0.3","id":"a","source":"/s","type":"t","time":"2026-01-31T12:00:00Z"})"),
      HasSubstr("CloudEvents 1.0"));
  EXPECT_EQ(ErrorOf(R"({"specversion":"1.0","source":"/s","type":"t","time":"2026-01-31T12:00:00Z"})"),
            "no 'id'");
  EXPECT_EQ(
      ErrorOf(R"({"specversion":"1.0","id":"","source":"/s","type":"t","time":"2026-01-31T12:00:00Z"})"),
      "'id' is empty");
  EXPECT_EQ(ErrorOf(R"({"specversion":"1.0","id":7,"source":"/s","type":"t","time":"2026-01-31T12:00:00Z"})"),
            "'id' is not a string");
  EXPECT_EQ(ErrorOf(R"({"specversion":"1.0","id":"a","source":"/s","type":"t"})"), "no 'time'");
  for (const char* time : {"yesterday", "infinite-future", "2026-01-31", "2026-01-31T12:00:00",
                           "2026-13-31T12:00:00Z", "1026-01-31T12:00:00Z"}) {
    EXPECT_THAT(ErrorOf(std::string(R"({"specversion":"1.0","id":"a","source":"/s","type":"t","time":")") +
                        time + "\"}"),
                StartsWith("'time' is not"))
        << time;
  }
  EXPECT_EQ(ErrorOf(With(R"(,"tenant":"a","tenant":"b")")), "'tenant' is there twice");
  EXPECT_THAT(ErrorOf(With(R"(,"Tenant":"a")")), HasSubstr("not an attribute's name"));
  EXPECT_THAT(ErrorOf(With(R"(,"tenant":{})")), HasSubstr("neither a string"));
  EXPECT_THAT(ErrorOf(With(R"(,"priority":4)")), HasSubstr("'priority'"));
  EXPECT_THAT(ErrorOf(With(R"(,"priority":18446744073709551615)")), HasSubstr("'priority'"));
  EXPECT_THAT(ErrorOf(With(R"(,"data":1,"data_base64":"AA==")")), HasSubstr("exclude"));
  EXPECT_THAT(ErrorOf(With(R"(,"data_base64":"*")")), HasSubstr("not base64"));
  EXPECT_THAT(ErrorOf(With(",\"tenant\":\"\xff\"")), StartsWith("not JSON at column"));
}

TEST(CloudEvents, RefusesABodyThatDoesNotFitItsType) {
  const std::string head =
      R"({"specversion":"1.0","id":"a","source":"/s","type":"routebench.filesystem.file_created",)"
      R"("time":"2026-01-31T12:00:00Z",)";
  EXPECT_THAT(ErrorOf(head + R"("data":{"pfad":"x"}})"),
              HasSubstr("does not fit routebench.filesystem.file_created"));
  EXPECT_THAT(ErrorOf(head + R"("data":{"size_bytes":-1}})"), HasSubstr("does not fit"));
  EXPECT_THAT(ErrorOf(head + R"("data":"text"})"), HasSubstr("does not fit"));
  EXPECT_THAT(ErrorOf(head + R"("data_base64":"AAEC"})"), HasSubstr("application/protobuf"));
  EXPECT_THAT(ErrorOf(head + R"("datacontenttype":"application/protobuf","data_base64":"AAEC"})"),
              HasSubstr("does not fit"));
  EXPECT_EQ(ErrorOf(head + R"("datacontenttype":"application/protobuf","data_base64":"CgF4"})"), "accepted");
}

TEST(CloudEvents, BoundsTheDepthOfALine) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_THAT(ErrorOf(With(",\"data\":" + deep)), HasSubstr("levels deep"));
}

TEST(CloudEvents, RefusesToWriteWhatCannotBeRead) {
  TraceEvent traced;
  traced.event.header.kind = EventKind::kFileCreated;
  EXPECT_TRUE(absl::IsInvalidArgument(ToCloudEvent(traced).status())) << "an untyped body";
  traced.event.payload = SamplePayload(EventKind::kFileMoved, 300, 1).value();
  EXPECT_TRUE(absl::IsInvalidArgument(ToCloudEvent(traced).status())) << "another kind's body";
  traced.event.payload = SamplePayload(EventKind::kFileCreated, 300, 1).value();
  EXPECT_TRUE(ToCloudEvent(traced).ok());
  for (const char* key : {"", "Tenant", "with space", "id", "data", "time"}) {
    Attributes attributes;
    attributes.metadata = {{key, "x"}};
    traced.event.attributes = std::make_shared<const Attributes>(attributes);
    EXPECT_TRUE(absl::IsInvalidArgument(ToCloudEvent(traced).status())) << key;
  }
  Attributes attributes;
  attributes.metadata = {{"tenant", "\xff"}};
  traced.event.attributes = std::make_shared<const Attributes>(attributes);
  EXPECT_TRUE(absl::IsInvalidArgument(ToCloudEvent(traced).status())) << "not UTF-8";
}

TEST(TraceReader, NamesPathAndLine) {
  TemporaryDirectory directory;
  const std::string whole = std::string(kPlain) + "\n" + kPlain + "\n" + kPlain;
  for (const size_t cut : {size_t{20}, size_t{1}}) {
    const std::string path = directory.Write("t.jsonl", whole.substr(0, whole.size() - cut));
    auto reader = TraceReader::Open(path);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader->Next().ok());
    EXPECT_TRUE(reader->Next().ok());
    const auto broken = reader->Next();
    ASSERT_TRUE(absl::IsInvalidArgument(broken.status()));
    EXPECT_THAT(std::string(broken.status().message()), StartsWith(path + ": line 3: not JSON at column"));
  }
}

TEST(TraceReader, EndsAfterTheLastLineWithAndWithoutItsEnd) {
  TemporaryDirectory directory;
  for (const char* end : {"", "\n"}) {
    auto reader = TraceReader::Open(directory.Write("t.jsonl", std::string(kPlain) + end));
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader->Next().ok());
    EXPECT_TRUE(absl::IsOutOfRange(reader->Next().status()));
  }
  auto empty = TraceReader::Open(directory.Write("t.jsonl", ""));
  EXPECT_TRUE(absl::IsOutOfRange(empty->Next().status()));
}

TEST(TraceReader, RefusesALineWithoutEnd) {
  TemporaryDirectory directory;
  auto reader =
      TraceReader::Open(directory.Write("t.jsonl", std::string(TraceReader::kMaxLineBytes + 300'000, ' ')));
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT(std::string(reader->Next().status().message()), HasSubstr("line 1: longer than"));
}

TEST(TraceReader, RefusesWhatIsNotAFile) {
  TemporaryDirectory directory;
  EXPECT_TRUE(absl::IsNotFound(TraceReader::Open(directory / "none").status()));
  auto reader = TraceReader::Open(directory.path());
  EXPECT_FALSE(reader.ok() && reader->Next().ok());
}

TraceEvent SomeEvent() { return ParseCloudEvent(kPlain).value(); }

TEST(TraceWriter, ReplacesTheFileOnlyWhenItIsComplete) {
  TemporaryDirectory directory;
  const std::string path = directory.Write("t.jsonl", "old");
  {
    auto writer = TraceWriter::Create(path);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Write(SomeEvent()).ok());
  }
  EXPECT_EQ(directory.Read("t.jsonl"), "old");
  EXPECT_EQ(directory.Entries(), 1u);
  auto writer = TraceWriter::Create(path);
  ASSERT_TRUE(writer->Write(SomeEvent()).ok());
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_EQ(directory.Entries(), 1u);
  auto reader = TraceReader::Open(path);
  EXPECT_TRUE(SameEvent(reader->Next().value().event, SomeEvent().event));
}

TEST(TraceWriter, LeavesNothingWhenTheDiskIsFull) {
  TemporaryDirectory directory;
  // A limit of the file's size stands in for the disk's.
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  absl::Status status;
  {
    auto writer = TraceWriter::Create(directory / "t.jsonl");
    ASSERT_TRUE(writer.ok());
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer->Write(SomeEvent()).ok());
    status = writer->Commit();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(std::string(status.message()), HasSubstr("t.jsonl: cannot write the trace: File too large"));
  EXPECT_EQ(directory.Entries(), 0u);
}

TEST(TraceWriter, ReplacesNothingButAFile) {
  const TemporaryDirectory directory;
  ASSERT_EQ(mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(std::string(TraceWriter::Create(directory / "pipe").status().message()),
              HasSubstr("is not a regular file"));
  EXPECT_EQ(directory.Entries(), 1u);
}

TEST(TraceWriter, NamesADirectoryThatIsNotThere) {
  EXPECT_THAT(std::string(TraceWriter::Create("/no/such/t.jsonl").status().message()),
              StartsWith("/no/such/t.jsonl: "));
}

}  // namespace
}  // namespace routebench::loadgen
