#include "loadgen/trace/file_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/loadgen/temporary_directory.h"
#include "tests/support/fake_time.h"

namespace routebench::loadgen {
namespace {

namespace fs = std::filesystem;
using routebench::testing::FakeTime;
using routebench::testing::TemporaryDirectory;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string Text(const FileChange& change) {
  static constexpr const char* kPrefix = "filesystem.";
  std::string text(Name(change.kind));
  text = text.substr(std::string(kPrefix).size());
  if (!change.old_path.empty()) absl::StrAppend(&text, " ", change.old_path, " ->");
  if (!change.path.empty()) absl::StrAppend(&text, " ", change.path);
  return text;
}

// Two directories: the watched one, and one beside it. The kernel queues an event before the call that causes
// it returns, so reading after an action sees all of it.
class FileWatcherTest : public ::testing::Test {
 protected:
  FileWatcherTest() : in_(directory_.path() / "in"), out_(directory_.path() / "out") {
    fs::create_directory(in_);
    fs::create_directory(out_);
  }

  void Start() { watcher_ = FileWatcher::Start(in_, time_).value(); }

  std::vector<FileChange> ReadChanges() {
    std::vector<FileChange> changes;
    while (watcher_->Read(changes).value()) {
    }
    return changes;
  }
  std::vector<std::string> Read() {
    std::vector<std::string> texts;
    for (const FileChange& change : ReadChanges()) texts.push_back(Text(change));
    return texts;
  }

  static void Touch(const fs::path& path) { ASSERT_TRUE(std::ofstream(path).is_open()) << path; }
  static void Append(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::app) << text;
  }

  TemporaryDirectory directory_;
  const fs::path in_;
  const fs::path out_;
  FakeTime time_;
  std::unique_ptr<FileWatcher> watcher_;
};

TEST_F(FileWatcherTest, ReportsTheLifeOfAFile) {
  Start();
  Touch(in_ / "f");
  EXPECT_THAT(Read(), ElementsAre("file_created f"));
  Append(in_ / "f", "text");
  EXPECT_THAT(Read(), ElementsAre("file_modified f"));
  fs::rename(in_ / "f", in_ / "g");
  EXPECT_THAT(Read(), ElementsAre("file_moved f -> g"));
  fs::remove(in_ / "g");
  EXPECT_THAT(Read(), ElementsAre("file_deleted g"));
  EXPECT_THAT(Read(), IsEmpty());
}

TEST_F(FileWatcherTest, SaysNothingAboutWhatWasThereAndWatchesIt) {
  fs::create_directories(in_ / "a/b");
  Touch(in_ / "a/b/old");
  Start();
  EXPECT_EQ(watcher_->directories(), 3u);
  Append(in_ / "a/b/old", "x");
  EXPECT_THAT(Read(), ElementsAre("file_modified a/b/old"));
}

TEST_F(FileWatcherTest, StampsWithItsClockAndAddsTheFacts) {
  Start();
  const TimePoint start = time_.Now();
  Append(in_ / "f", "12345");
  time_.Advance(std::chrono::seconds(1));
  const auto changes = ReadChanges();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].at, start + std::chrono::seconds(1));
  EXPECT_EQ(changes[0].facts.size_bytes, 5u);
  EXPECT_NE(changes[0].facts.inode, 0u);
  EXPECT_FALSE(changes[0].found);
}

TEST_F(FileWatcherTest, ReportsTheLifeOfADirectory) {
  Start();
  fs::create_directory(in_ / "d");
  EXPECT_THAT(Read(), ElementsAre("directory_created d"));
  Touch(in_ / "d/f");
  EXPECT_THAT(Read(), ElementsAre("file_created d/f"));
  fs::remove_all(in_ / "d");
  EXPECT_THAT(Read(), ElementsAre("file_deleted d/f", "directory_deleted d"));
  EXPECT_EQ(watcher_->directories(), 1u);
}

TEST_F(FileWatcherTest, FindsWhatANewDirectoryAlreadyHolds) {
  Start();
  fs::create_directories(in_ / "a/b");
  Touch(in_ / "a/b/f");
  const auto changes = ReadChanges();
  std::vector<std::string> texts;
  for (const FileChange& change : changes) texts.push_back(Text(change));
  EXPECT_THAT(texts, ElementsAre("directory_created a", "directory_created a/b", "file_created a/b/f"));
  EXPECT_FALSE(changes[0].found);
  EXPECT_TRUE(changes[2].found);
  Touch(in_ / "a/b/g");
  EXPECT_THAT(Read(), ElementsAre("file_created a/b/g"));
  // Made anew under a name that was found: a new file all the same.
  fs::remove(in_ / "a/b/f");
  Touch(in_ / "a/b/f");
  EXPECT_THAT(Read(), ElementsAre("file_deleted a/b/f", "file_created a/b/f"));
}

TEST_F(FileWatcherTest, ReportsOnceWhatIsFoundAndToldByTheKernel) {
  fs::create_directory(in_ / "d");
  Start();
  fs::rename(in_ / "d", out_ / "d");
  fs::rename(out_ / "d", in_ / "e");
  // Its watch was there all the time: the kernel tells of the file, and looking into the newcomer finds it.
  Touch(in_ / "e/f");
  EXPECT_THAT(Read(), IsEmpty());
  time_.Advance(FileWatcher::kPairingTime);
  EXPECT_THAT(Read(), ElementsAre("directory_deleted d", "directory_created e", "file_created e/f"));
  Touch(in_ / "e/g");
  EXPECT_THAT(Read(), ElementsAre("file_created e/g"));
}

TEST_F(FileWatcherTest, PairsMovesBetweenDirectories) {
  fs::create_directories(in_ / "a");
  fs::create_directories(in_ / "b");
  Touch(in_ / "a/f");
  Start();
  fs::rename(in_ / "a/f", in_ / "b/g");
  const auto changes = ReadChanges();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(Text(changes[0]), "file_moved a/f -> b/g");
  EXPECT_NE(changes[0].cookie, 0u);
  EXPECT_NE(changes[0].facts.inode, 0u);
}

TEST_F(FileWatcherTest, TurnsAMoveOutIntoADeletionOnceItsPartnerCannotCome) {
  Touch(in_ / "f");
  Start();
  fs::rename(in_ / "f", out_ / "f");
  Touch(in_ / "later");
  EXPECT_THAT(Read(), IsEmpty()) << "what came later waits, in its place";
  ASSERT_TRUE(watcher_->deadline().has_value());
  EXPECT_EQ(*watcher_->deadline(), time_.Now() + FileWatcher::kPairingTime);
  time_.Advance(FileWatcher::kPairingTime);
  EXPECT_THAT(Read(), ElementsAre("file_deleted f", "file_created later"));
  EXPECT_FALSE(watcher_->deadline().has_value());
}

TEST_F(FileWatcherTest, TurnsAMoveInIntoACreation) {
  fs::create_directories(out_ / "d/e");
  Touch(out_ / "d/e/f");
  Touch(out_ / "g");
  Start();
  fs::rename(out_ / "g", in_ / "g");
  EXPECT_THAT(Read(), ElementsAre("file_created g"));
  fs::rename(out_ / "d", in_ / "d");
  EXPECT_THAT(Read(), ElementsAre("directory_created d", "directory_created d/e", "file_created d/e/f"));
  Append(in_ / "d/e/f", "x");
  EXPECT_THAT(Read(), ElementsAre("file_modified d/e/f"));
}

TEST_F(FileWatcherTest, FollowsADirectoryWithContentToItsNewName) {
  fs::create_directories(in_ / "a/deep");
  Touch(in_ / "a/deep/f");
  Start();
  fs::rename(in_ / "a", in_ / "b");
  Append(in_ / "b/deep/f", "x");
  EXPECT_THAT(Read(), ElementsAre("file_moved a -> b", "file_modified b/deep/f"));
  EXPECT_EQ(watcher_->directories(), 3u);
}

TEST_F(FileWatcherTest, StopsWatchingADirectoryThatLeft) {
  fs::create_directories(in_ / "a/deep");
  Start();
  fs::rename(in_ / "a", out_ / "a");
  Touch(out_ / "a/deep/not-ours");
  EXPECT_THAT(Read(), IsEmpty());
  time_.Advance(FileWatcher::kPairingTime);
  const auto changes = ReadChanges();
  ASSERT_EQ(changes.size(), 1u) << "nothing of what happened outside";
  EXPECT_EQ(Text(changes[0]), "directory_deleted a");
  EXPECT_TRUE(changes[0].with_content);
  EXPECT_EQ(watcher_->directories(), 1u);
  Touch(out_ / "a/deep/neither");
  EXPECT_THAT(Read(), IsEmpty());
  fs::rename(out_ / "a", in_ / "back");
  EXPECT_THAT(Read(),
              UnorderedElementsAre("directory_created back", "directory_created back/deep",
                                   "file_created back/deep/not-ours", "file_created back/deep/neither"));
}

TEST_F(FileWatcherTest, TellsADirectoryFromItsSuccessorUnderTheSameName) {
  Start();
  fs::create_directory(in_ / "a");
  fs::rename(in_ / "a", in_ / "b");
  fs::create_directory(in_ / "a");
  Touch(in_ / "b/early");
  EXPECT_THAT(Read(), ElementsAre("directory_created a", "file_moved a -> b", "file_created b/early",
                                  "directory_created a"));
  Touch(in_ / "a/x");
  Touch(in_ / "b/y");
  EXPECT_THAT(Read(), ElementsAre("file_created a/x", "file_created b/y"));
}

TEST_F(FileWatcherTest, WatchesADirectoryThatWasDeletedAndMadeAgain) {
  Start();
  fs::create_directory(in_ / "a");
  fs::remove(in_ / "a");
  fs::create_directory(in_ / "a");
  EXPECT_THAT(Read(), ElementsAre("directory_created a", "directory_deleted a", "directory_created a"));
  Touch(in_ / "a/x");
  EXPECT_THAT(Read(), ElementsAre("file_created a/x"));
}

TEST_F(FileWatcherTest, ReplacesADirectoryByAnother) {
  fs::create_directories(in_ / "empty");
  fs::create_directories(in_ / "full");
  Touch(in_ / "full/f");
  Start();
  fs::rename(in_ / "full", in_ / "empty");
  EXPECT_THAT(Read(), ElementsAre("file_moved full -> empty"));
  Append(in_ / "empty/f", "x");
  EXPECT_THAT(Read(), ElementsAre("file_modified empty/f"));
}

TEST_F(FileWatcherTest, KeepsPathsWhenTheWatchedDirectoryIsMoved) {
  Start();
  fs::rename(in_, out_ / "moved");
  fs::create_directory(out_ / "moved/d");
  Touch(out_ / "moved/d/f");
  EXPECT_THAT(Read(), ElementsAre("directory_created d", "file_created d/f"));
  fs::rename(out_ / "moved", in_);
}

TEST_F(FileWatcherTest, DoesNotFollowSymbolicLinks) {
  fs::create_directory_symlink(out_, in_ / "old-link");
  Start();
  fs::create_directory_symlink(out_, in_ / "link");
  Touch(out_ / "f");
  EXPECT_THAT(Read(), ElementsAre("file_created link"));
}

TEST_F(FileWatcherTest, ReportsNamesOfAnyBytes) {
  Start();
  Touch(in_ / "caf\xe9\n");
  EXPECT_THAT(Read(), ElementsAre("file_created caf\xe9\n"));
}

TEST_F(FileWatcherTest, ReportsThatTheQueueOverflowedAndGoesOn) {
  Start();
  fs::create_directory(in_ / "a");
  Touch(in_ / "x");
  Touch(in_ / "y");
  ASSERT_EQ(Read().size(), 3u);
  size_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  if (limit > 200'000) GTEST_SKIP() << "the kernel's queue is too long to be filled in a test";
  std::ofstream x(in_ / "x"), y(in_ / "y");
  // Alternating, because the kernel merges equal neighbours.
  for (size_t i = 0; i < limit / 2 + 10; ++i) {
    x << 'x' << std::flush;
    y << 'y' << std::flush;
  }
  fs::create_directories(in_ / "missed/deep");
  fs::rename(in_ / "a", in_ / "b");
  const auto changes = Read();
  EXPECT_EQ(changes.back(), "file_batch");
  EXPECT_EQ(watcher_->overflows(), 1u);
  Touch(in_ / "missed/deep/f");
  Touch(in_ / "b/g");
  EXPECT_THAT(Read(), ElementsAre("file_created missed/deep/f", "file_created b/g"));
}

TEST_F(FileWatcherTest, SaysThatTheWatchedDirectoryIsGone) {
  Start();
  EXPECT_FALSE(watcher_->gone());
  fs::remove(in_);
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_TRUE(watcher_->gone());
}

TEST_F(FileWatcherTest, FinishesWithWhatIsHeld) {
  Touch(in_ / "f");
  Start();
  fs::rename(in_ / "f", out_ / "f");
  EXPECT_THAT(Read(), IsEmpty());
  std::vector<FileChange> changes;
  watcher_->Finish(changes);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(Text(changes[0]), "file_deleted f");
}

TEST_F(FileWatcherTest, RefusesWhatIsNotADirectory) {
  Touch(in_ / "f");
  EXPECT_THAT(std::string(FileWatcher::Start(in_ / "f", time_).status().message()),
              HasSubstr("f: cannot watch it: Not a directory"));
  EXPECT_FALSE(FileWatcher::Start(in_ / "none", time_).ok());
}

TEST_F(FileWatcherTest, LosesNothingWhileATreeGrows) {
  Start();
  std::set<std::string> expected;
  for (int i = 0; i < 30; ++i) {
    std::string path;
    for (int depth = 0; depth < 5; ++depth) {
      absl::StrAppend(&path, depth > 0 ? "/" : "", "d", i);
      expected.insert(absl::StrCat("directory_created ", path));
      expected.insert(absl::StrCat("file_created ", path, "/f"));
    }
  }
  std::vector<std::string> seen;
  std::thread grower([this] {
    for (int i = 0; i < 30; ++i) {
      fs::path path = in_;
      for (int depth = 0; depth < 5; ++depth) {
        path /= absl::StrCat("d", i);
        fs::create_directory(path);
        Touch(path / "f");
      }
    }
    Touch(in_ / "end");
  });
  for (bool ended = false; !ended;) {
    pollfd ready = {watcher_->descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 30'000), 1);
    for (std::string& text : Read()) {
      ended |= text == "file_created end";
      if (text.find("created") != std::string::npos && text != "file_created end")
        seen.push_back(std::move(text));
    }
  }
  grower.join();
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), expected);
  EXPECT_EQ(seen.size(), expected.size()) << "something was reported twice";
}

}  // namespace
}  // namespace routebench::loadgen
