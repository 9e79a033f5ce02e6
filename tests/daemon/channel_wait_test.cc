#include "daemon/client/channel_wait.h"

#include <poll.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "events/mutex.h"
#include "gtest/gtest.h"
#include "tests/daemon/test_endpoints.h"
#include "tests/support/gate.h"
#include "tests/support/patience.h"

namespace routebench::daemon {
namespace {

using Status = transport::IoResult::Status;

// A pool that waits for one end of a channel; the other end is the test's.
class ChannelWaitTest : public ::testing::TestWithParam<std::tuple<std::string_view, WaitPolicy>> {
 protected:
  static constexpr int kRounds = 1000;

  ChannelWaitTest() : endpoints_(std::get<0>(GetParam()), 1) {
    auto listener = transport::Listen(endpoints_.listen().front(), {}).value();
    const std::string place = endpoints_.Dial({listener->endpoint()});
    ours_ = transport::Dial(place, {}).value();
    // Of pipes, the first byte is what shows that somebody is there.
    EXPECT_EQ(SendOn(*ours_), Status::kDone);
    EXPECT_TRUE(AwaitReadable(listener->readable()));
    theirs_ = listener->Accept().value().channel;
    EXPECT_NE(theirs_, nullptr);
    char first;
    EXPECT_EQ(theirs_->Read(&first, 1).status, Status::kDone);
    auto wait = std::make_unique<ChannelWait>(
        *ours_, std::get<1>(GetParam()),
        ChannelWait::Callbacks{[this] { return OnReadable(); }, [this] { Note(writable_); }});
    wait_ = wait.get();
    pool_ =
        std::make_unique<dispatch::WorkerPool>(dispatch::WorkerPoolOptions{2, 2, "test"}, std::move(wait));
    wait_->Start();
  }
  ~ChannelWaitTest() override { EXPECT_TRUE(pool_->Stop(testing::kPatience)); }

  static bool AwaitReadable(const transport::Pollable& what) {
    pollfd polled = {what.descriptor, what.events, 0};
    return poll(&polled, 1, 10'000) == 1;
  }

  ChannelWait::Came OnReadable() {
    std::array<char, 16> in;
    const transport::IoResult result = ours_->Read(in.data(), in.size());
    if (result.status == Status::kWouldBlock) return ChannelWait::Came::kNothing;
    if (result.status != Status::kDone) {
      Note(ended_);
      return ChannelWait::Came::kEnd;
    }
    for (size_t i = 0; i < result.bytes; ++i) {
      pool_->Schedule(std::make_shared<Work>([this] { Note(handled_); }));
    }
    return ChannelWait::Came::kSomething;
  }
  void Note(size_t& what) {
    MutexLock lock(mutex_);
    ++what;
    changed_.NotifyAll();
  }
  bool Await(const size_t& what, size_t count) {
    MutexLock lock(mutex_);
    return testing::AwaitUnder(mutex_, changed_,
                               [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return what >= count; });
  }
  static Status SendOn(transport::ByteChannel& channel) {
    const std::array<iovec, 1> parts = {{{const_cast<char*>("x"), 1}}};
    return channel.Write(parts).status;
  }
  Status Send() { return SendOn(*theirs_); }

  struct Work final : dispatch::Task {
    explicit Work(std::function<void()> what) : run(std::move(what)) {}
    bool Run() override {
      run();
      return false;
    }
    std::function<void()> run;
  };

  testing::TestEndpoints endpoints_;
  std::unique_ptr<transport::ByteChannel> ours_;
  std::unique_ptr<transport::ByteChannel> theirs_;
  Mutex mutex_;
  CondVar changed_;
  size_t handled_ = 0;
  size_t ended_ = 0;
  size_t writable_ = 0;
  size_t ran_ = 0;
  std::unique_ptr<dispatch::WorkerPool> pool_;
  ChannelWait* wait_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Everywhere, ChannelWaitTest,
                         ::testing::Combine(::testing::ValuesIn(testing::TransportNames()),
                                            ::testing::Values(WaitPolicy::kBlock, WaitPolicy::kAdaptive,
                                                              WaitPolicy::kSpin)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  std::string(Name(std::get<1>(info.param)));
                         });

TEST_P(ChannelWaitTest, ReadsWhatComesOneByOne) {
  for (size_t n = 1; n <= kRounds; ++n) {
    ASSERT_EQ(Send(), Status::kDone);
    ASSERT_TRUE(Await(handled_, n)) << n;
  }
}

TEST_P(ChannelWaitTest, RunsWhatIsScheduledWhileItReads) {
  for (size_t n = 1; n <= kRounds; ++n) {
    pool_->Schedule(std::make_shared<Work>([this] { Note(ran_); }));
    if (n % 2 == 0) {
      ASSERT_EQ(Send(), Status::kDone);
    }
    ASSERT_TRUE(Await(ran_, n)) << n;
    ASSERT_TRUE(Await(handled_, n / 2)) << n;
  }
}

TEST_P(ChannelWaitTest, ReadsWhileEveryOtherThreadIsStuck) {
  const testing::Gate gate;
  pool_->Schedule(std::make_shared<Work>([gate] { gate.Pass(); }));
  ASSERT_TRUE(gate.AwaitEntered(1));
  for (size_t n = 1; n <= 10; ++n) {
    ASSERT_EQ(Send(), Status::kDone);
    ASSERT_TRUE(Await(handled_, n)) << n;
  }
  gate.Open();
}

TEST_P(ChannelWaitTest, TellsThatThereIsRoom) {
  for (size_t n = 1; n <= 100; ++n) {
    wait_->WantWritable();
    ASSERT_TRUE(Await(writable_, n)) << n;
  }
}

TEST_P(ChannelWaitTest, ReadsToTheEndAndNoFurther) {
  ASSERT_EQ(Send(), Status::kDone);
  ASSERT_TRUE(Await(handled_, 1));
  theirs_.reset();
  ASSERT_TRUE(Await(ended_, 1));
  pool_->Schedule(std::make_shared<Work>([this] { Note(ran_); }));
  EXPECT_TRUE(Await(ran_, 1));
  MutexLock lock(mutex_);
  EXPECT_EQ(ended_, 1u);
}

}  // namespace
}  // namespace routebench::daemon
