#include "daemon/client/outcomes.h"

namespace routebench::daemon {
namespace {

thread_local const Outcomes* inside = nullptr;

}  // namespace

void Outcomes::Deliver() {
  if (inside == this) return;
  std::vector<OutcomeReport> batch;
  mutex_.Lock();
  while (telling_) told_.Wait(mutex_);
  telling_ = true;
  while (!waiting_.empty()) {
    batch.clear();
    batch.swap(waiting_);
    mutex_.Unlock();
    inside = this;
    for (const OutcomeReport& report : batch) sink_(report);
    inside = nullptr;
    mutex_.Lock();
  }
  telling_ = false;
  told_.NotifyAll();
  mutex_.Unlock();
}

}  // namespace routebench::daemon
