// Thread-safe lists that a test can wait on: what handlers received, and what the outcome sink was told.
#ifndef ROUTEBENCH_TESTS_SUPPORT_RECORDER_H_
#define ROUTEBENCH_TESTS_SUPPORT_RECORDER_H_

#include <algorithm>
#include <memory>
#include <vector>

#include "events/router.h"
#include "tests/support/gate.h"
#include "tests/support/patience.h"

namespace routebench::testing {

// A handle to a list; copies share it.
template <typename T>
class Recorder {
 public:
  Recorder() {}  // written out, like those below: clang 14 wants it for const members

  void Add(T item) const {
    MutexLock lock(state_->mutex);
    state_->items.push_back(std::move(item));
    state_->changed.NotifyAll();
  }

  // Waits until `condition` holds for the list; false when it does not come true.
  template <typename Condition>
  [[nodiscard]] bool Await(const Condition& condition) const {
    MutexLock lock(state_->mutex);
    return AwaitUnder(state_->mutex, state_->changed, [&] { return condition(state_->items); });
  }
  [[nodiscard]] bool AwaitCount(size_t count) const {
    return Await([&](const std::vector<T>& items) { return items.size() >= count; });
  }

  std::vector<T> Items() const {
    MutexLock lock(state_->mutex);
    return state_->items;
  }

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    std::vector<T> items;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// What handlers received, in order.
class Inbox : public Recorder<Event> {
 public:
  Inbox() {}

  Handler Acknowledging() const {
    return [inbox = *this](Delivery& delivery) {
      inbox.Add(delivery.event());
      return Verdict::kAck;
    };
  }

  // Records the event, then waits at the gate before it acknowledges.
  Handler Behind(const Gate& gate) const {
    return [inbox = *this, gate](Delivery& delivery) {
      inbox.Add(delivery.event());
      gate.Pass();
      return Verdict::kAck;
    };
  }

  std::vector<uint64_t> Sequences() const {
    std::vector<uint64_t> sequences;
    for (const Event& event : Items()) sequences.push_back(event.header.sequence);
    return sequences;
  }
};

// What an outcome sink was told.
class Outcomes : public Recorder<OutcomeReport> {
 public:
  Outcomes() {}

  OutcomeSink Sink() const {
    return [outcomes = *this](const OutcomeReport& report) { outcomes.Add(report); };
  }

  // Waits until `count` events have had `outcome`.
  [[nodiscard]] bool Await(Outcome outcome, size_t count) const {
    return Recorder::Await([&](const std::vector<OutcomeReport>& reports) {
      return static_cast<size_t>(std::count_if(reports.begin(), reports.end(), [&](const OutcomeReport& r) {
               return r.outcome == outcome;
             })) >= count;
    });
  }

  // The sequence numbers of the events with this outcome, in increasing order.
  std::vector<uint64_t> SequencesOf(Outcome outcome) const {
    std::vector<uint64_t> sequences;
    for (const OutcomeReport& report : Items()) {
      if (report.outcome == outcome) sequences.push_back(report.sequence);
    }
    std::sort(sequences.begin(), sequences.end());
    return sequences;
  }
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_RECORDER_H_
