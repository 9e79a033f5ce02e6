// R13: how long to wait before the next attempt.
#include "events/routing/backoff.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMiddle = uint64_t{1} << 63;

TEST(Backoff, DoublesUpToTheMaximum) {
  const BackoffOptions options{.initial = milliseconds(100), .maximum = milliseconds(1000), .jitter = 0};
  const std::vector<int> expected = {100, 200, 400, 800, 1000, 1000};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(DelayAfter(options, static_cast<uint32_t>(i + 1), 100, 12345), milliseconds(expected[i]));
  }
}

TEST(Backoff, EndsAfterTheLastAttempt) {
  EXPECT_TRUE(DelayAfter({}, 2, 3, 0).has_value());
  EXPECT_FALSE(DelayAfter({}, 3, 3, 0).has_value());
  EXPECT_FALSE(DelayAfter({}, 4, 3, 0).has_value());
  EXPECT_FALSE(DelayAfter({}, 1, 1, 0).has_value());
  EXPECT_FALSE(DelayAfter({}, 1, 0, 0).has_value());
}

TEST(Backoff, JitterIsEvenAroundTheDelay) {
  const BackoffOptions options{.initial = seconds(1), .jitter = 0.25};
  EXPECT_EQ(DelayAfter(options, 1, 3, 0), milliseconds(750));
  EXPECT_EQ(DelayAfter(options, 1, 3, kMiddle), seconds(1));
  EXPECT_NEAR(static_cast<double>(DelayAfter(options, 1, 3, UINT64_MAX)->count()), 1.25e9, 2);
  std::mt19937_64 random(20260107);
  std::vector<int> tenths(10);
  for (int i = 0; i < 100'000; ++i) {
    const double delay = static_cast<double>(DelayAfter(options, 1, 3, random())->count());
    ++tenths.at(static_cast<size_t>((delay - 0.75e9) / 0.05e9));
  }
  for (const int count : tenths) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Backoff, StaysInItsBoundsWhateverTheNumbers) {
  std::mt19937_64 random(20260108);
  for (int i = 0; i < 100'000; ++i) {
    BackoffOptions options;
    options.initial = Duration(static_cast<int64_t>(random() >> (1 + random() % 63)));
    options.maximum = random() % 4 == 0
                          ? Duration::max()
                          : After(FromNanos(0), options.initial + Duration(random() % 1000)) - FromNanos(0);
    options.multiplier = 1 + std::ldexp(1.0, static_cast<int>(random() % 1000) - 20);
    options.jitter = static_cast<double>(random() % 5) / 4;
    if (options.maximum < options.initial) continue;
    ASSERT_TRUE(Validate(options).ok());
    const uint32_t attempt = static_cast<uint32_t>(random() >> (32 + random() % 32));
    const auto delay = DelayAfter(options, attempt, UINT32_MAX, random());
    ASSERT_EQ(delay.has_value(), attempt != UINT32_MAX);
    if (!delay.has_value()) continue;
    ASSERT_GE(*delay, Duration::zero());
    ASSERT_LE(*delay, options.maximum);
    ASSERT_GE(static_cast<double>(delay->count()),
              (1 - options.jitter) * static_cast<double>(options.initial.count()) * (1 - 1e-9) - 1);
  }
}

TEST(Backoff, OptionsAreChecked) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<BackoffOptions> bad = {{.initial = Duration(-1)},
                                           {.initial = seconds(2), .maximum = seconds(1)},
                                           {.multiplier = 0.99},
                                           {.multiplier = infinity},
                                           {.multiplier = std::nan("")},
                                           {.jitter = -0.1},
                                           {.jitter = 1.1},
                                           {.jitter = std::nan("")}};
  for (const BackoffOptions& options : bad) {
    EXPECT_EQ(Validate(options).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Validate(BackoffOptions{}).ok());
  EXPECT_TRUE(Validate({.initial = Duration(0), .multiplier = 1, .maximum = Duration(0), .jitter = 1}).ok());
}

}  // namespace
}  // namespace routebench::routing
