#include "daemon/server/loop_wait.h"

#include <cstddef>
#include <utility>

namespace routebench::daemon {
namespace {

// The two ends of a connection and the daemon between them.
constexpr uint32_t kParties = 3;
// Of the looks at memory, how many go by between two at the descriptors, each a system call.
constexpr uint32_t kLooksPerPoll = 16;

}  // namespace

void LoopWait::Run() {
  if (policy_ == WaitPolicy::kBlock) {
    loop_.run();
    return;
  }
  Patience patience(policy_, kParties);
  uint32_t looks = 0;
  while (!loop_.stopped()) {
    bool found = LookAtAll();
    if (found || hot_.empty() || ++looks % kLooksPerPoll == 0) found = loop_.poll() > 0 || found;
    if (found) {
      patience.Begin();
    } else if (!patience.LookAgain()) {
      LookAway();
      loop_.run_one();
      patience.Begin();
    }
  }
}

void LoopWait::Heard(const std::shared_ptr<LookedAt>& whom) {
  if (policy_ == WaitPolicy::kBlock || whom->hot_ || !whom->channel().looks()) return;
  whom->hot_ = true;
  whom->channel().Look(true);
  hot_.push_back(whom);
}

bool LoopWait::LookAtAll() {
  bool found = false;
  for (size_t i = 0; i < hot_.size();) {
    if (!hot_[i]->channel().HasBytes()) {
      ++i;
      continue;
    }
    found = true;
    if (hot_[i]->OnBytes()) {
      ++i;
    } else {
      std::swap(hot_[i], hot_.back());
      hot_.pop_back();
    }
  }
  return found;
}

// What has come meanwhile is read now, and what comes later has a bell.
void LoopWait::LookAway() {
  for (const auto& whom : hot_) {
    whom->hot_ = false;
    whom->channel().Look(false);
    whom->OnBytes();
  }
  hot_.clear();
}

}  // namespace routebench::daemon
