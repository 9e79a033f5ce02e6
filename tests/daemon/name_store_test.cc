#include "daemon/server/name_store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "daemon/server/crash_point.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/private_directory.h"

namespace routebench::daemon {
namespace {

using ::testing::HasSubstr;

StoredName NameOf(const std::string& name, const std::string& expression = "") {
  StoredName stored;
  stored.set_subscription(7);
  stored.mutable_service()->set_id("indexer");
  stored.mutable_spec()->set_service("indexer");
  stored.mutable_spec()->set_name(name);
  stored.mutable_spec()->add_filters()->set_expression(expression);
  return stored;
}

class NameStoreTest : public ::testing::Test {
 protected:
  std::string directory() const { return (directory_.path() / "state").string(); }
  std::string file() const { return directory() + "/names"; }
  std::unique_ptr<NameStore> Open() const { return NameStore::Open(directory()).value(); }
  std::string Bytes() const {
    std::ifstream in(file(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void Write(const std::string& bytes) const { std::ofstream(file(), std::ios::binary) << bytes; }
  std::string WhyNot() const {
    const auto store = NameStore::Open(directory());
    EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
    return std::string(store.status().message());
  }

 private:
  testing::PrivateDirectory directory_;
};

TEST_F(NameStoreTest, KeepsNamesBeyondItsEnd) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->Put(NameOf("a")).ok());
    ASSERT_TRUE(store->Put(NameOf("b")).ok());
    ASSERT_TRUE(store->Put(NameOf("b", "replaced")).ok());
    ASSERT_TRUE(store->Put(NameOf("c")).ok());
    ASSERT_TRUE(store->Remove("c").ok());
    EXPECT_EQ(store->Remove("c").code(), absl::StatusCode::kNotFound);
  }
  const auto store = Open();
  ASSERT_EQ(store->names().size(), 2u);
  EXPECT_EQ(store->names().at("a").SerializeAsString(), NameOf("a").SerializeAsString());
  EXPECT_EQ(store->names().at("b").spec().filters(0).expression(), "replaced");
}

TEST_F(NameStoreTest, IsForItsUserAlone) {
  const auto store = Open();
  ASSERT_TRUE(store->Put(NameOf("a")).ok());
  struct stat info;
  ASSERT_EQ(stat(directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(NameStoreTest, RefusesADirectoryThatIsOpenToOthers) {
  std::filesystem::create_directory(directory());
  chmod(directory().c_str(), 0755);
  const auto store = NameStore::Open(directory());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("mode 0755"));
}

TEST_F(NameStoreTest, IsOneAtATime) {
  const auto store = Open();
  EXPECT_EQ(NameStore::Open(directory()).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(NameStoreTest, RefusesEveryTruncation) {
  ASSERT_TRUE(Open()->Put(NameOf("a")).ok());
  const std::string whole = Bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    Write(whole.substr(0, size));
    EXPECT_THAT(WhyNot(), HasSubstr(file())) << size;
  }
  Write(whole + "x");
  EXPECT_THAT(WhyNot(), HasSubstr("instead of"));
  Write(whole);
  EXPECT_EQ(Open()->names().size(), 1u);
}

TEST_F(NameStoreTest, RefusesEveryChangedBit) {
  ASSERT_TRUE(Open()->Put(NameOf("a")).ok());
  const std::string whole = Bytes();
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    Write(changed);
    WhyNot();
  }
}

TEST_F(NameStoreTest, RefusesForeignFilesAndOtherVersions) {
  Open();
  Write("#!/bin/sh\necho this is somebody's script and not ours\n");
  EXPECT_THAT(WhyNot(), HasSubstr("not a file of names; move it away"));
  std::filesystem::remove(file());
  ASSERT_TRUE(Open()->Put(NameOf("a")).ok());
  std::string later = Bytes();
  later[8] = 2;
  Write(later);
  EXPECT_THAT(WhyNot(), HasSubstr("version 2"));
  std::filesystem::remove(file());
  std::filesystem::create_directory(file());
  WhyNot();
}

TEST_F(NameStoreTest, RefusesAFileLargerThanAnyOfOurs) {
  ASSERT_TRUE(Open()->Put(NameOf("a")).ok());
  std::filesystem::resize_file(file(), NameStore::kMaxFileBytes + 1);  // sparse
  WhyNot();
}

TEST_F(NameStoreTest, HasALimitOfNames) {
  const auto store = Open();
  StoredName large = NameOf("large");
  large.mutable_spec()->mutable_filters(0)->set_expression(std::string(NameStore::kMaxFileBytes, 'x'));
  EXPECT_EQ(store->Put(large).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(store->names().empty());
  EXPECT_FALSE(std::filesystem::exists(file()));
}

// The old names or the new ones, at every point.
TEST_F(NameStoreTest, IsWholeWhereverTheProcessDies) {
  ASSERT_TRUE(Open()->Put(NameOf("a")).ok());
  for (const CrashAt point :
       {CrashAt::kStoreCreated, CrashAt::kStoreWritten, CrashAt::kStoreSynced, CrashAt::kStoreRenamed}) {
    const std::string added(Name(point));
    const pid_t child = fork();
    if (child == 0) {
      if (ArmCrashPoint(added.c_str()).ok()) Open()->Put(NameOf(added)).IgnoreError();
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << added;
    const auto store = Open();
    EXPECT_TRUE(store->names().contains("a"));
    EXPECT_EQ(store->names().contains(added), point == CrashAt::kStoreRenamed) << added;
  }
}

TEST(CrashPointTest, RefusesWhatItDoesNotKnow) {
  for (const char* specification : {"", "none", "bogus", "delivered:0", "delivered:x", "delivered:", ":1"}) {
    EXPECT_EQ(ArmCrashPoint(specification).code(), absl::StatusCode::kInvalidArgument) << specification;
  }
}

}  // namespace
}  // namespace routebench::daemon
