#include "events/router.h"

#include <atomic>
#include <utility>

namespace routebench {

class Acknowledger::State {
 public:
  explicit State(Answer answer) : answer_(std::move(answer)) {}
  ~State() { Settle(Verdict::kReject); }

  bool Settle(Verdict verdict) {
    if (settled_.exchange(true)) return false;
    answer_(verdict);
    answer_ = nullptr;  // what keeps an answered acknowledger keeps nothing of the router
    return true;
  }

 private:
  std::atomic<bool> settled_{false};
  Answer answer_;
};

Acknowledger::Acknowledger(Answer answer) : state_(std::make_shared<State>(std::move(answer))) {}

bool Acknowledger::Settle(Verdict verdict) {
  // What the answer kept alive may own this acknowledger.
  const std::shared_ptr<State> state = state_;
  return state->Settle(verdict);
}

}  // namespace routebench
