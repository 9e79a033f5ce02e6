// R11: the walk through the states, against a model that remembers everything.
#include "events/routing/circuit_breaker.h"

#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using State = CircuitBreaker::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  void Answer(int count, bool success) {
    for (int i = 0; i < count; ++i) {
      const auto permit = breaker_.Admit(now_);
      ASSERT_TRUE(permit.has_value());
      success ? breaker_.Succeeded(*permit, now_) : breaker_.Failed(*permit, now_);
    }
  }

  const CircuitBreakerOptions options_{.consecutive_failures = 3,
                                       .minimum_requests = 10,
                                       .error_rate = 0.5,
                                       .window = seconds(10),
                                       .open_timeout = seconds(5),
                                       .successes_to_close = 2};
  CircuitBreaker breaker_{options_};
  TimePoint now_ = FromNanos(1'000'000'000'000);
};

TEST_F(CircuitBreakerTest, WalksThroughAllStates) {
  EXPECT_EQ(breaker_.state(), State::kClosed);
  Answer(2, false);
  Answer(1, true);
  Answer(2, false);
  EXPECT_EQ(breaker_.state(), State::kClosed);  // never three in a row
  Answer(1, false);
  EXPECT_EQ(breaker_.state(), State::kOpen);
  EXPECT_FALSE(breaker_.WouldAdmit(now_));
  EXPECT_FALSE(breaker_.Admit(now_).has_value());

  now_ += seconds(5) - Duration(1);
  EXPECT_FALSE(breaker_.Admit(now_).has_value());
  now_ += Duration(1);
  EXPECT_TRUE(breaker_.WouldAdmit(now_));
  EXPECT_EQ(breaker_.state(), State::kOpen);  // until somebody comes
  const auto probe = breaker_.Admit(now_);
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_.WouldAdmit(now_));
  EXPECT_FALSE(breaker_.Admit(now_).has_value());
  breaker_.Succeeded(*probe, now_);
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);  // one of two
  Answer(1, false);
  EXPECT_EQ(breaker_.state(), State::kOpen);
  EXPECT_EQ(breaker_.openings(), 2);

  now_ += seconds(5);
  Answer(1, true);
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);  // the success before the failure does not count
  Answer(1, true);
  EXPECT_EQ(breaker_.state(), State::kClosed);
  Answer(2, false);
  EXPECT_EQ(breaker_.state(), State::kClosed);  // what was before is forgotten
}

TEST_F(CircuitBreakerTest, OpensByTheErrorRateOverTheWindow) {
  for (int i = 0; i < 4; ++i) {
    Answer(1, true);
    Answer(1, false);
  }
  Answer(1, true);
  EXPECT_EQ(breaker_.state(), State::kClosed);  // nine answers are too few
  Answer(1, false);
  EXPECT_EQ(breaker_.state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, ForgetsWhatIsOlderThanTheWindow) {
  for (int i = 0; i < 4; ++i) {
    Answer(1, true);
    Answer(1, false);
  }
  now_ += seconds(10);
  for (int i = 0; i < 4; ++i) {
    Answer(1, true);
    Answer(1, false);
  }
  EXPECT_EQ(breaker_.state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, AnswersFromBeforeAChangeOfStateDoNotCount) {
  const auto late_success = breaker_.Admit(now_);
  const auto late_failure = breaker_.Admit(now_);
  Answer(3, false);
  now_ += seconds(5);
  const auto probe = breaker_.Admit(now_);
  ASSERT_TRUE(probe.has_value());
  breaker_.Failed(*late_failure, now_);
  breaker_.Succeeded(*late_success, now_);
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_.WouldAdmit(now_));
  breaker_.Succeeded(*probe, now_);
  breaker_.Succeeded(*probe, now_);  // a second answer
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
}

TEST_F(CircuitBreakerTest, AnAbandonedProbeMakesRoomForAnother) {
  Answer(3, false);
  now_ += seconds(5);
  const auto probe = breaker_.Admit(now_);
  breaker_.Abandoned(*probe);
  EXPECT_TRUE(breaker_.WouldAdmit(now_));
  breaker_.Failed(*probe, now_);
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
  Answer(2, true);
  EXPECT_EQ(breaker_.state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, OneProbeWithManyThreadsTrying) {
  constexpr int kThreads = 64;
  constexpr int kRounds = 300;
  CircuitBreaker breaker(
      {.consecutive_failures = 1, .open_timeout = seconds(1), .successes_to_close = kRounds});
  breaker.Failed(*breaker.Admit(now_), now_);
  const TimePoint due = now_ + seconds(1);
  std::atomic<int> arrived{0};
  // Spinning, so that those who run arrive in Admit together.
  const auto await = [&arrived](int gate) {
    ++arrived;
    while (arrived.load() < kThreads * gate) std::this_thread::yield();
  };
  std::array<std::atomic<int>, kRounds> admitted{};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        await(2 * round + 1);
        const auto permit = breaker.Admit(due);
        if (permit.has_value()) ++admitted[static_cast<size_t>(round)];
        await(2 * round + 2);
        if (permit.has_value()) breaker.Succeeded(*permit, due);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : admitted) EXPECT_EQ(count, 1);
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST(CircuitBreakerOptions, PresetsAreValidAndOrdered) {
  const auto lenient = CircuitBreakerOptions::Lenient();
  const auto normal = CircuitBreakerOptions::Default();
  const auto strict = CircuitBreakerOptions::Strict();
  for (const auto& options : {lenient, normal, strict}) EXPECT_TRUE(Validate(options).ok());
  EXPECT_GT(lenient.consecutive_failures, normal.consecutive_failures);
  EXPECT_GT(normal.consecutive_failures, strict.consecutive_failures);
  EXPECT_GT(lenient.error_rate, normal.error_rate);
  EXPECT_GT(normal.error_rate, strict.error_rate);
  EXPECT_LT(lenient.open_timeout, normal.open_timeout);
  EXPECT_LT(normal.open_timeout, strict.open_timeout);
  EXPECT_LT(lenient.successes_to_close, normal.successes_to_close);
  EXPECT_LT(normal.successes_to_close, strict.successes_to_close);
}

TEST(CircuitBreakerOptions, AreChecked) {
  const std::vector<CircuitBreakerOptions> bad = {{.consecutive_failures = 0}, {.minimum_requests = 0},
                                                  {.successes_to_close = 0},   {.error_rate = 0},
                                                  {.error_rate = 1.01},        {.error_rate = std::nan("")},
                                                  {.window = Duration(9)},     {.open_timeout = Duration(0)}};
  for (const auto& options : bad) EXPECT_EQ(Validate(options).code(), absl::StatusCode::kInvalidArgument);
}

// Remembers every answer and looks at all of them.
class Model {
 public:
  explicit Model(const CircuitBreakerOptions& options) : options_(options) {}

  bool Admit(TimePoint now, int* permit) {
    if (state == State::kOpen && now >= open_until_) {
      state = State::kHalfOpen;
      probe_ = 0;
      successes_ = 0;
    }
    if (state == State::kOpen || (state == State::kHalfOpen && probe_ != 0)) return false;
    *permit = ++last_permit_;
    if (state == State::kHalfOpen) probe_ = *permit;
    return true;
  }

  void Answer(int permit, bool success, TimePoint now) {
    if (state == State::kHalfOpen && permit == probe_) {
      probe_ = 0;
      if (!success) return Open(now);
      if (++successes_ < options_.successes_to_close) return;
      state = State::kClosed;
      answers_.clear();
      since_ = last_permit_;
    } else if (state == State::kClosed && permit > since_) {
      answers_.emplace_back(now, success);
      if (!success && IsTooMuch(now)) Open(now);
    }
  }

  void Abandon(int permit) {
    if (state == State::kHalfOpen && permit == probe_) probe_ = 0;
  }

  State state = State::kClosed;
  uint64_t openings = 0;

 private:
  bool IsTooMuch(TimePoint now) const {
    size_t in_a_row = 0;
    while (in_a_row < answers_.size() && !answers_[answers_.size() - 1 - in_a_row].second) ++in_a_row;
    if (in_a_row >= options_.consecutive_failures) return true;
    const int64_t tenth = options_.window.count() / 10;
    double answers = 0, failures = 0;
    for (const auto& [time, success] : answers_) {
      if (ToNanos(now) / tenth - ToNanos(time) / tenth >= 10) continue;
      ++answers;
      if (!success) ++failures;
    }
    return answers >= options_.minimum_requests && failures / answers >= options_.error_rate;
  }

  void Open(TimePoint now) {
    state = State::kOpen;
    open_until_ = now + options_.open_timeout;
    since_ = last_permit_;
    ++openings;
  }

  const CircuitBreakerOptions options_;
  std::vector<std::pair<TimePoint, bool>> answers_;
  TimePoint open_until_;
  int last_permit_ = 0;
  int since_ = 0;  // permits up to this one are of the past
  int probe_ = 0;
  uint32_t successes_ = 0;
};

TEST(CircuitBreakerRandom, AgreesWithAModelThatRemembersEverything) {
  std::mt19937_64 random(20260105);
  uint64_t openings = 0, closings = 0;
  for (int round = 0; round < 200; ++round) {
    const CircuitBreakerOptions options{.consecutive_failures = static_cast<uint32_t>(2 + random() % 5),
                                        .minimum_requests = static_cast<uint32_t>(1 + random() % 12),
                                        .error_rate = static_cast<double>(1 + random() % 4) / 4,
                                        .window = milliseconds(100),
                                        .open_timeout = milliseconds(1 + random() % 50),
                                        .successes_to_close = static_cast<uint32_t>(1 + random() % 3)};
    CircuitBreaker breaker(options);
    Model model(options);
    TimePoint now = FromNanos(5'000'000'000);
    const uint64_t failure_percent = 10 + random() % 60;
    std::vector<std::pair<CircuitBreaker::Permit, int>> out;
    for (int step = 0; step < 500; ++step) {
      const State before = model.state;
      now += Duration(random() % 3'000'000);
      int number = 0;
      const bool would = breaker.WouldAdmit(now);
      if (random() % 2 == 0 || out.empty()) {
        const auto permit = breaker.Admit(now);
        ASSERT_EQ(permit.has_value(), model.Admit(now, &number));
        ASSERT_EQ(permit.has_value(), would);
        if (permit.has_value()) out.emplace_back(*permit, number);
      } else {
        const size_t i = random() % out.size();
        const auto [permit, its_number] = out[i];
        if (random() % 10 == 0) {
          breaker.Abandoned(permit);
          model.Abandon(its_number);
        } else {
          const bool success = random() % 100 >= failure_percent;
          success ? breaker.Succeeded(permit, now) : breaker.Failed(permit, now);
          model.Answer(its_number, success, now);
        }
        out.erase(out.begin() + static_cast<ptrdiff_t>(i));
      }
      ASSERT_EQ(breaker.state(), model.state) << "round " << round << " step " << step;
      ASSERT_EQ(breaker.openings(), model.openings);
      if (before == State::kHalfOpen && model.state == State::kClosed) ++closings;
    }
    openings += model.openings;
  }
  EXPECT_GT(openings, 200);
  EXPECT_GT(closings, 50);
}

}  // namespace
}  // namespace routebench::routing
