#include "loadgen/message_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "gtest/gtest.h"
#include "loadgen/child_process.h"
#include "receiver.pb.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

class MessageSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends;
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    here_ = Descriptor(ends[0]);
    there_ = Descriptor(ends[1]);
  }
  void Write(const std::string& bytes) {
    ASSERT_EQ(write(there_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  Descriptor here_;
  Descriptor there_;
};

TEST_F(MessageSocketTest, MessagesArriveInOrderAndWhole) {
  ReceiverReport big;
  for (int i = 0; i < 2000; ++i) {
    record::Cell& cell = *big.add_cells();
    cell.set_phase("measured");
    for (int bucket = 0; bucket < 200; ++bucket) cell.mutable_response()->add_counts(i + bucket);
  }
  ReceiverReady small;
  small.set_error("no");
  std::thread sender([&] {
    EXPECT_TRUE(SendMessage(there_.get(), big).ok());
    EXPECT_TRUE(SendMessage(there_.get(), small).ok());
    EXPECT_TRUE(SendMessage(there_.get(), ReceiverCommand()).ok());
  });
  ReceiverReport got_big;
  ASSERT_TRUE(ReceiveMessage(here_.get(), kPatience, &got_big).ok());
  EXPECT_EQ(got_big.SerializeAsString(), big.SerializeAsString());
  ReceiverReady got_small;
  ASSERT_TRUE(ReceiveMessage(here_.get(), kPatience, &got_small).ok());
  EXPECT_EQ(got_small.error(), "no");
  ReceiverCommand empty;
  EXPECT_TRUE(ReceiveMessage(here_.get(), kPatience, &empty).ok());
  sender.join();
}

TEST_F(MessageSocketTest, APeerThatWentIsUnavailable) {
  there_.Reset();
  ReceiverReady message;
  EXPECT_EQ(ReceiveMessage(here_.get(), kPatience, &message).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(SendMessage(here_.get(), message).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageSocketTest, APeerThatWentInsideAMessageIsUnavailable) {
  Write(std::string(1, '\x20'));
  there_.Reset();
  ReceiverReady message;
  EXPECT_EQ(ReceiveMessage(here_.get(), kPatience, &message).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageSocketTest, SilenceEndsWithTheDeadline) {
  ReceiverReady message;
  EXPECT_EQ(ReceiveMessage(here_.get(), Duration(1), &message).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(MessageSocketTest, RefusesWhatIsNoMessage) {
  Write(std::string(64, '\xff'));
  ReceiverReady message;
  EXPECT_EQ(ReceiveMessage(here_.get(), kPatience, &message).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace routebench::loadgen
