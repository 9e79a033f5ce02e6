#include "analysis/record/run_record.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "analysis/record/histogram.h"
#include "events/outcome.h"
#include "sample_record.h"
#include "temporary_directory.h"

namespace routebench::record {
namespace {

using ::routebench::testing::MakeRecord;
using ::routebench::testing::TemporaryDirectory;
using ::testing::HasSubstr;

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}
void Spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
size_t FilesIn(const std::string& path) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
}

class RunRecordTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const std::string& bytes) {
    Spill(path_, bytes);
    const auto record = ReadRunRecord(path_);
    return record.ok() ? "read" : std::string(record.status().message());
  }
  std::string ErrorOf(const RunRecord& record) {
    EXPECT_TRUE(WriteRunRecord(record, path_).ok());
    const auto read = ReadRunRecord(path_);
    return read.ok() ? "read" : std::string(read.status().message());
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "a.run";
  const RunRecord record_ = MakeRecord({});
};

TEST_F(RunRecordTest, SurvivesTheFileAndLeavesNothingElse) {
  ASSERT_TRUE(WriteRunRecord(record_, path_).ok());
  const auto back = ReadRunRecord(path_);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*back, record_));
  EXPECT_EQ(FilesIn(directory_.path()), 1u);
}

TEST_F(RunRecordTest, ReplacesAnOlderFile) {
  Spill(path_, "older");
  ASSERT_TRUE(WriteRunRecord(record_, path_).ok());
  EXPECT_TRUE(ReadRunRecord(path_).ok());
}

TEST_F(RunRecordTest, SaysWhichPathCannotBeWritten) {
  const auto status = WriteRunRecord(record_, directory_ / "missing/a.run");
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing/a.run"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file or directory"));
}

TEST_F(RunRecordTest, ReplacesNothingButAFile) {
  std::filesystem::create_directory(directory_ / "b.run");
  const auto status = WriteRunRecord(record_, directory_ / "b.run");
  EXPECT_THAT(std::string(status.message()), HasSubstr("is there and is not a regular file"));
  EXPECT_TRUE(std::filesystem::is_directory(directory_ / "b.run"));
  EXPECT_EQ(FilesIn(directory_.path()), 1u);
}

TEST_F(RunRecordTest, LeavesNothingBehindWhenTheFileMayNotGrow) {
  // A limit on the file size fails the write as a full disk does, and needs no rights.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto status = WriteRunRecord(record_, path_);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write the record: File too large"));
  EXPECT_EQ(FilesIn(directory_.path()), 0u);
}

TEST_F(RunRecordTest, ReportsAMissingFile) {
  const auto record = ReadRunRecord(directory_ / "none.run");
  EXPECT_TRUE(absl::IsNotFound(record.status()));
  EXPECT_THAT(std::string(record.status().message()), HasSubstr("none.run"));
}

TEST_F(RunRecordTest, ReportsADirectory) { EXPECT_FALSE(ReadRunRecord(directory_.path()).ok()); }

TEST_F(RunRecordTest, RejectsWhatIsNotARecord) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("not a run record"));
  EXPECT_THAT(ErrorOf("{\"schema\": \"routebench.run.v1\"}"), HasSubstr("not a run record"));
  EXPECT_THAT(ErrorOf("routebench"), HasSubstr("not a run record"));
}

TEST_F(RunRecordTest, RejectsALaterVersion) {
  EXPECT_THAT(ErrorOf("routebench.run.v2\n123456789"),
              HasSubstr("written by a later version (routebench.run.v2); this one reads routebench.run.v1"));
}

TEST_F(RunRecordTest, RejectsEveryTruncation) {
  ASSERT_TRUE(WriteRunRecord(record_, path_).ok());
  const std::string bytes = Slurp(path_);
  for (size_t length = 18; length < bytes.size(); length += 97) {
    ASSERT_THAT(ErrorOf(bytes.substr(0, length)), HasSubstr("truncated")) << length;
  }
  EXPECT_THAT(ErrorOf(bytes.substr(0, bytes.size() - 1)), HasSubstr("truncated"));
}

TEST_F(RunRecordTest, RejectsEveryDamagedByte) {
  ASSERT_TRUE(WriteRunRecord(record_, path_).ok());
  const std::string bytes = Slurp(path_);
  EXPECT_THAT(ErrorOf(bytes + "x"), HasSubstr("damaged"));
  for (size_t at = 0; at < bytes.size(); at += 61) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    ASSERT_NE(ErrorOf(damaged), "read") << at;
  }
  std::string damaged = bytes;
  damaged[bytes.size() / 2] = static_cast<char>(damaged[bytes.size() / 2] ^ 1);
  EXPECT_THAT(ErrorOf(damaged), HasSubstr("the checksum does not match"));
}

TEST_F(RunRecordTest, DoesNotBelieveAHugeLength) {
  std::string bytes = "routebench.run.v1\n";
  bytes.append(8, '\xff');
  bytes.append(4, '\0');
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("impossible length"));
}

TEST_F(RunRecordTest, RejectsHistogramsThatDisagreeWithTheCounts) {
  RunRecord record = record_;
  record.mutable_cells(0)->set_delivered(record.cells(0).delivered() - 1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("the histogram of deliveries holds 10000 values where 9999"));
  record = record_;
  record.mutable_cells(0)->set_offered(7);
  EXPECT_THAT(ErrorOf(record), HasSubstr("the histogram of offers"));
  record = record_;
  record.mutable_cells(1)->mutable_service()->set_sum_ns(-1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("contradicts itself"));
}

TEST_F(RunRecordTest, RejectsMoreDeliveriesThanExpected) {
  RunRecord record = record_;
  record.mutable_cells(0)->set_expected(1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("steady/filesystem delivered 10000 events where 1 were expected"));
}

TEST_F(RunRecordTest, RejectsBooksThatAreCalledBalancedAndAreNot) {
  RunRecord record = record_;
  record.mutable_books()->set_routed(1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("called balanced and are not"));
  record.mutable_books()->set_balanced(false);
  EXPECT_EQ(ErrorOf(record), "read");  // an invalid run, and an honest record of it
}

TEST_F(RunRecordTest, RejectsNamesThatNobodyGave) {
  RunRecord record = record_;
  record.mutable_books()->mutable_outcomes(0)->set_name("teleported");
  EXPECT_THAT(ErrorOf(record), HasSubstr("unknown outcome teleported"));
  record = record_;
  record.mutable_books()->mutable_answers(0)->set_name("maybe");
  EXPECT_THAT(ErrorOf(record), HasSubstr("unknown answer maybe"));
}

TEST_F(RunRecordTest, KnowsEveryNameThatBackendsReport) {
  RunRecord record = record_;
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    record.mutable_books()->add_outcomes()->set_name(std::string(Name(static_cast<Outcome>(i))));
  }
  for (size_t i = 0; i < kPublishResultCount; ++i) {
    record.mutable_books()->add_answers()->set_name(std::string(Name(static_cast<PublishResult>(i))));
  }
  EXPECT_EQ(ErrorOf(record), "read");
}

TEST_F(RunRecordTest, RejectsFiguresThatCannotBe) {
  RunRecord record = record_;
  record.mutable_plan()->set_rate_per_s(-1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("not a positive number"));
  record = record_;
  record.mutable_plan()->set_backend("");
  EXPECT_THAT(ErrorOf(record), HasSubstr("names no backend"));
}

TEST_F(RunRecordTest, RefusesAnswersThatDoNotAddUp) {
  RunRecord record = record_;
  Cell& cell = *record.mutable_cells(0);
  cell.set_answered(cell.offered() + 1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("answers to"));
  cell.set_answered(3);
  EXPECT_THAT(ErrorOf(record), HasSubstr("histogram"));
  Histogram round_trip;
  for (int i = 0; i < 3; ++i) round_trip.Record(5);
  round_trip.ToData(cell.mutable_round_trip());
  EXPECT_EQ(ErrorOf(record), "read");
}

TEST_F(RunRecordTest, RefusesPlansThatCannotBe) {
  RunRecord record = record_;
  record.mutable_plan()->mutable_handler()->set_failures(1.5);
  EXPECT_THAT(ErrorOf(record), HasSubstr("share of failures"));
  record = record_;
  record.mutable_plan()->add_weights(-1);
  EXPECT_THAT(ErrorOf(record), HasSubstr("weight"));
}

}  // namespace
}  // namespace routebench::record
