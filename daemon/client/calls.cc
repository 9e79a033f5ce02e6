#include "daemon/client/calls.h"

namespace routebench::daemon {

uint64_t Calls::Start(OnSuccess on_success) {
  MutexLock lock(mutex_);
  Call& call = calls_[++last_];
  call.on_success = std::move(on_success);
  if (failed_) {
    call.done = true;
    call.result = absl::UnavailableError(reason_);
  }
  return last_;
}

absl::StatusOr<wire::Reply> Calls::Await(uint64_t request) {
  MutexLock lock(mutex_);
  while (!calls_[request].done) done_.Wait(mutex_);
  absl::StatusOr<wire::Reply> result = std::move(calls_[request].result);
  calls_.erase(request);
  return result;
}

absl::StatusOr<wire::Reply> Calls::AwaitUntil(uint64_t request, TimePoint due, Timers& timers) {
  const TimerId timer = timers.Schedule(due, [weak = weak_from_this(), request] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    MutexLock lock(self->mutex_);
    const auto call = self->calls_.find(request);
    if (call == self->calls_.end() || call->second.done) return;
    call->second.done = true;
    call->second.result = absl::DeadlineExceededError("the daemon did not answer in time");
    self->done_.NotifyAll();
  });
  absl::StatusOr<wire::Reply> result = Await(request);
  timers.Cancel(timer);
  return result;
}

bool Calls::OnReply(uint64_t request, const wire::Reply& reply) {
  OnSuccess on_success;
  {
    MutexLock lock(mutex_);
    if (request == 0 || request > last_) return false;
    const auto call = calls_.find(request);
    if (call == calls_.end()) return true;  // given up
    on_success = std::move(call->second.on_success);
  }
  if (reply.code() == 0 && on_success != nullptr) on_success(reply);
  MutexLock lock(mutex_);
  const auto call = calls_.find(request);
  if (call == calls_.end() || call->second.done) return true;
  call->second.done = true;
  if (reply.code() == 0) {
    call->second.result = reply;
  } else {
    call->second.result = absl::Status(static_cast<absl::StatusCode>(reply.code()), reply.message());
  }
  done_.NotifyAll();
  return true;
}

void Calls::FailAll(std::string reason) {
  MutexLock lock(mutex_);
  failed_ = true;
  reason_ = std::move(reason);
  for (auto& [request, call] : calls_) {
    if (call.done) continue;
    call.done = true;
    call.result = absl::UnavailableError(reason_);
  }
  done_.NotifyAll();
}

}  // namespace routebench::daemon
