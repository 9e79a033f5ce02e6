// Random histories of a subscription against a naive model: who is handed what, and the books after each step
// (R13, R14, R15, R17, R18, R22).
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "events/dispatch/subscriber.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_time.h"
#include "tests/support/test_parcel.h"

namespace routebench::dispatch {
namespace {

using delivery::Admission;
using delivery::Parcel;
using delivery::ParcelPtr;
using testing::FakeTime;
using testing::TestParcel;

constexpr Duration kTick = std::chrono::milliseconds(1);

// An attempt at an event.
using Attempt = std::pair<uint64_t, int>;
Attempt AttemptOf(const EventHeader& header) { return {header.sequence, header.attempt}; }

enum class Answer { kAck, kReject, kRetry, kThrow, kDefer };

// What the handler says to an attempt, and how long the next one waits: the same for both sides.
class Script {
 public:
  explicit Script(uint64_t seed) : seed_(seed) {}
  Answer AnswerTo(const Attempt& attempt) const {
    const uint64_t choice = Hash(attempt) % 10;
    if (choice < 3) return Answer::kAck;
    if (choice < 4) return Answer::kReject;
    if (choice < 5) return Answer::kThrow;
    if (choice < 7) return Answer::kRetry;
    return Answer::kDefer;
  }
  // No two of them end at the same moment.
  Duration BackoffAfter(const Attempt& attempt) const {
    return (1 + attempt.second) * kTick + Duration(static_cast<int64_t>(Hash(attempt) / 10 % 999'983));
  }

 private:
  uint64_t Hash(const Attempt& attempt) const {
    return std::mt19937_64(seed_ * 1'000'003 + attempt.first * 8 + static_cast<uint64_t>(attempt.second))();
  }
  const uint64_t seed_;
};

struct Variant {
  const char* name;
  bool retries = true;
  Duration timeout{};
  uint32_t gate = UINT32_MAX;  // events in hand at once
  QueueOrder order = QueueOrder::kFifo;
  FullPolicy policy = FullPolicy::kReject;
};

struct Step {
  std::vector<Attempt> handed;
  std::vector<std::pair<uint64_t, Outcome>> outcomes;
};

// The oracle: lists, and a walk from one due time to the next.
class Model {
 public:
  Model(const Variant& variant, const Script& script, size_t capacity, TimePoint now)
      : variant_(variant), script_(script), capacity_(capacity), now_(now) {}

  void Offer(const EventHeader& event) {
    if (held_.size() + ready_.size() >= capacity_) {
      if (variant_.policy == FullPolicy::kBlock) return;
      ++routed_;
      return Settle(event, Outcome::kDroppedQueueFull);
    }
    ++routed_;
    if (event.not_before > now_) {
      held_.emplace(event.not_before, event);
    } else {
      ready_.push_back(event);
    }
    Pump();
  }

  void Advance(Duration by) {
    const TimePoint end = now_ + by;
    while (true) {
      const TimePoint held = held_.empty() ? TimePoint::max() : held_.begin()->first;
      const TimePoint late = timeouts_.empty() ? TimePoint::max() : timeouts_.begin()->first;
      if (std::min(held, late) > end) break;
      now_ = std::min(held, late);
      if (held <= late) {
        ready_.push_back(held_.begin()->second);
        held_.erase(held_.begin());
      } else {
        // All of one moment together: what they leave behind comes after them.
        std::vector<EventHeader> ended;
        for (; !timeouts_.empty() && timeouts_.begin()->first == late; timeouts_.erase(timeouts_.begin())) {
          ended.push_back(deferred_.extract(timeouts_.begin()->second).mapped().event);
        }
        for (const EventHeader& event : ended) Fail(event, Outcome::kTimedOut);
      }
      Pump();
    }
    now_ = end;
  }

  void AnswerDeferred(const Attempt& attempt, Verdict verdict) {
    const auto found = deferred_.find(attempt);
    if (found == deferred_.end()) return;
    const Deferred deferred = found->second;
    deferred_.erase(found);
    std::erase_if(timeouts_, [&](const auto& entry) { return entry.second == attempt; });
    if (verdict == Verdict::kRetry) {
      Fail(deferred.event, Outcome::kRejected);
    } else {
      Settle(deferred.event, verdict == Verdict::kAck ? Outcome::kDelivered : Outcome::kRejected);
    }
    Pump();
  }

  void SetPaused(bool paused) {
    paused_ = paused;
    Pump();
  }

  void End(Outcome outcome) {
    for (const EventHeader& event : ready_) Settle(event, outcome);
    for (const auto& [due, event] : held_) Settle(event, outcome);
    for (const auto& [attempt, deferred] : deferred_) Settle(deferred.event, outcome);
    ready_.clear();
    held_.clear();
    deferred_.clear();
  }

  Step TakeStep() { return std::exchange(step_, {}); }
  std::vector<Attempt> Unanswered() const {
    std::vector<Attempt> attempts;
    for (const auto& [attempt, deferred] : deferred_) attempts.push_back(attempt);
    return attempts;
  }
  Books GetBooks() const {
    Books books = books_;
    books.routed = routed_;
    books.in_flight = held_.size() + ready_.size() + deferred_.size();
    return books;
  }

 private:
  struct Deferred {
    EventHeader event;
  };

  void Pump() {
    while (!paused_ && !ready_.empty() && deferred_.size() < variant_.gate) {
      auto next = ready_.begin();
      if (variant_.order == QueueOrder::kPriority) {
        next = std::min_element(ready_.begin(), ready_.end(), [](const EventHeader& a, const EventHeader& b) {
          return a.priority < b.priority;
        });
      }
      const EventHeader event = *next;
      ready_.erase(next);
      if (event.ExpiredAt(now_)) {
        Settle(event, Outcome::kExpired);
      } else {
        Hand(event);
      }
    }
  }

  void Hand(const EventHeader& event) {
    step_.handed.push_back(AttemptOf(event));
    switch (script_.AnswerTo(AttemptOf(event))) {
      case Answer::kAck:
        return Settle(event, Outcome::kDelivered);
      case Answer::kReject:
      case Answer::kThrow:
        return Settle(event, Outcome::kRejected);
      case Answer::kRetry:
        return Fail(event, Outcome::kRejected);
      case Answer::kDefer:
        deferred_.emplace(AttemptOf(event), Deferred{event});
        if (variant_.timeout > Duration::zero()) timeouts_.emplace(now_ + variant_.timeout, AttemptOf(event));
    }
  }

  void Fail(EventHeader event, Outcome without_retries) {
    if (!variant_.retries) return Settle(event, without_retries);
    if (event.attempt >= event.max_attempts) return Settle(event, Outcome::kDeadLettered);
    const TimePoint due = now_ + script_.BackoffAfter(AttemptOf(event));
    ++event.attempt;
    held_.emplace(due, event);
  }

  void Settle(const EventHeader& event, Outcome outcome) {
    ++books_.of(outcome);
    step_.outcomes.emplace_back(event.sequence, outcome);
  }

  const Variant variant_;
  const Script script_;
  const size_t capacity_;
  TimePoint now_;
  bool paused_ = false;
  uint64_t routed_ = 0;
  Books books_;
  std::deque<EventHeader> ready_;
  std::multimap<TimePoint, EventHeader> held_;
  std::map<Attempt, Deferred> deferred_;
  std::multimap<TimePoint, Attempt> timeouts_;
  Step step_;
};

class ScriptedSubscriber final : public Subscriber {
 public:
  ScriptedSubscriber(SubscriberOptions options, std::weak_ptr<Executor> executor, FakeTime& time,
                     const Script& script, Step& step)
      : Subscriber(std::move(options), std::move(executor), time, time),
        time_(time),
        script_(script),
        step_(step) {
    report_delivered_ = true;
  }

 protected:
  const Event* Prepare(Parcel& parcel, size_t) override {
    return &static_cast<const TestParcel&>(parcel).event();
  }
  void OnOutcome(const Parcel& parcel, Outcome outcome) override {
    step_.outcomes.emplace_back(parcel.header().sequence, outcome);
  }
  Retry OnFailure(const Parcel& parcel, Outcome) override {
    EventHeader header = parcel.header();
    if (header.attempt >= header.max_attempts) return {};
    const TimePoint due = time_.Now() + script_.BackoffAfter(AttemptOf(header));
    ++header.attempt;
    return {TestParcel::Make(header), due};
  }

 private:
  FakeTime& time_;
  const Script& script_;
  Step& step_;
};

// One random history.
class History {
 public:
  static constexpr size_t kCapacity = 12;

  History(const Variant& variant, uint64_t seed)
      : variant_(variant),
        random_(seed),
        script_(seed),
        model_(variant, script_, kCapacity, time_.Now()),
        executor_(std::make_shared<InlineExecutor>()) {
    SubscriberOptions options;
    options.spec.capacity = kCapacity;
    options.spec.full_policy = variant.policy;
    options.spec.order = variant.order;
    options.spec.delivery_timeout = variant.timeout;
    if (variant.retries) options.spec.retry.emplace();
    if (variant.gate != UINT32_MAX) options.gate = std::make_shared<ServiceGate>(variant.gate);
    options.handler = [this](Delivery& delivery) { return Handle(delivery); };
    subscriber_ = std::make_shared<ScriptedSubscriber>(std::move(options), executor_, time_, script_, step_);
  }

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      TakeStep();
      Compare(step);
    }
    subscriber_->End(Outcome::kDroppedUnsubscribed);
    subscriber_->AwaitHandlers();
    model_.End(Outcome::kDroppedUnsubscribed);
    Compare(steps);
    EXPECT_EQ(subscriber_->GetBooks().in_flight, 0u);
    EXPECT_TRUE(subscriber_->Quiet());
    for (auto& [attempt, acknowledger] : acknowledgers_) acknowledger.Acknowledge();
    Compare(steps + 1);
  }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }

  void TakeStep() {
    switch (Below(10)) {
      case 0:
        model_.SetPaused(true);
        return subscriber_->Pause();
      case 1:
        model_.SetPaused(false);
        return subscriber_->Resume();
      case 2:
      case 3: {
        const Duration by = static_cast<int64_t>(Below(4)) * kTick;
        model_.Advance(by);
        return time_.Advance(by);
      }
      case 4:
      case 5:
        return AnswerOne();
      default:
        return Offer();
    }
  }

  void Offer() {
    EventHeader event;
    event.sequence = ++sequence_;
    event.created = time_.Now();
    event.priority = static_cast<Priority>(Below(kPriorityCount));
    event.max_attempts = static_cast<uint8_t>(1 + Below(3));
    if (Below(4) == 0) event.not_before = time_.Now() + Duration(static_cast<int64_t>(Below(5'000'000)));
    if (Below(3) == 0) event.time_to_live = Duration(static_cast<int64_t>(1 + Below(8'000'000)));
    model_.Offer(event);
    subscriber_->Offer(TestParcel::Make(event));
  }

  // Also what has been answered before, has timed out, or has been handed again since.
  void AnswerOne() {
    if (acknowledgers_.empty()) return;
    auto chosen = acknowledgers_.begin();
    std::advance(chosen, Below(acknowledgers_.size()));
    const uint64_t choice = Below(3);
    model_.AnswerDeferred(chosen->first, choice == 0   ? Verdict::kAck
                                         : choice == 1 ? Verdict::kReject
                                                       : Verdict::kRetry);
    // A copy: what its answer sets going may add to the map.
    Acknowledger acknowledger = chosen->second;
    choice == 0 ? acknowledger.Acknowledge() : choice == 1 ? acknowledger.Reject() : acknowledger.Retry();
  }

  Verdict Handle(Delivery& delivery) {
    const Attempt attempt = AttemptOf(delivery.event().header);
    step_.handed.push_back(attempt);
    switch (script_.AnswerTo(attempt)) {
      case Answer::kAck:
        return Verdict::kAck;
      case Answer::kReject:
        return Verdict::kReject;
      case Answer::kRetry:
        return Verdict::kRetry;
      case Answer::kThrow:
        throw std::runtime_error("as scripted");
      case Answer::kDefer:
        break;
    }
    acknowledgers_.emplace(attempt, delivery.Defer());
    return Verdict::kDeferred;
  }

  void Compare(int number) {
    Step expected = model_.TakeStep();
    Step got = std::exchange(step_, {});
    ASSERT_EQ(got.handed, expected.handed) << "step " << number;
    // Which of two outcomes of one moment is told first is open.
    std::sort(expected.outcomes.begin(), expected.outcomes.end());
    std::sort(got.outcomes.begin(), got.outcomes.end());
    ASSERT_EQ(got.outcomes, expected.outcomes) << "step " << number;
    const Books books = subscriber_->GetBooks();
    ASSERT_TRUE(books.balanced()) << "step " << number;
    ASSERT_EQ(books, model_.GetBooks()) << "step " << number;
  }

  const Variant variant_;
  std::mt19937_64 random_;
  const Script script_;
  FakeTime time_;
  Model model_;
  Step step_;
  std::map<Attempt, Acknowledger> acknowledgers_;
  std::shared_ptr<InlineExecutor> executor_;
  std::shared_ptr<ScriptedSubscriber> subscriber_;
  uint64_t sequence_ = 0;
};

class SubscriberModelTest : public ::testing::TestWithParam<Variant> {};

TEST_P(SubscriberModelTest, DoesAndBooksWhatTheModelDoes) {
  for (uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    History(GetParam(), seed).Run(200);
  }
  EXPECT_EQ(TestParcel::alive(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    , SubscriberModelTest,
    ::testing::Values(Variant{.name = "plain", .retries = false},
                      Variant{.name = "timeouts", .retries = false, .timeout = 3 * kTick},
                      Variant{.name = "retries"}, Variant{.name = "all", .timeout = 3 * kTick},
                      Variant{.name = "priorities", .timeout = 3 * kTick, .order = QueueOrder::kPriority},
                      Variant{.name = "gate", .timeout = 3 * kTick, .gate = 2},
                      Variant{.name = "blocking", .timeout = 3 * kTick, .policy = FullPolicy::kBlock}),
    [](const auto& variant) { return std::string(variant.param.name); });

}  // namespace
}  // namespace routebench::dispatch
