#include "daemon/server/loop_timers.h"

#include <map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/container/flat_hash_map.h"
#include "events/mutex.h"

namespace routebench::daemon {
namespace {

// Used on the loop's thread only.
class LoopTimers final : public Timers {
 public:
  explicit LoopTimers(boost::asio::io_context& loop) : timer_(loop) {}

  TimerId Schedule(TimePoint due, absl::AnyInvocable<void()> callback) override {
    const TimerId id = ++last_id_;
    due_.emplace(id, due);
    const auto at = timers_.emplace(std::pair(due, id), std::move(callback)).first;
    if (at == timers_.begin()) Arm();
    return id;
  }

  bool Cancel(TimerId id) override {
    const auto due = due_.find(id);
    if (due == due_.end()) return false;
    timers_.erase(std::pair(due->second, id));
    due_.erase(due);
    return true;
  }

 private:
  void Arm() {
    timer_.expires_at(timers_.begin()->first.first);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Run();
    });
  }

  void Run() {
    const TimePoint now = std::chrono::steady_clock::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      auto next = timers_.extract(timers_.begin());
      due_.erase(next.key().second);
      next.mapped()();
    }
    if (!timers_.empty()) Arm();
  }

  boost::asio::steady_timer timer_;
  TimerId last_id_ = 0;
  std::map<std::pair<TimePoint, TimerId>, absl::AnyInvocable<void()>> timers_;
  absl::flat_hash_map<TimerId, TimePoint> due_;
};

class PostingTimers final : public Timers {
 public:
  PostingTimers(Timers& timers, boost::asio::io_context& loop)
      : timers_(timers), gate_(std::make_shared<Gate>()) {
    MutexLock lock(gate_->mutex);
    gate_->loop = &loop;
  }
  ~PostingTimers() override {
    MutexLock lock(gate_->mutex);
    gate_->loop = nullptr;
  }

  TimerId Schedule(TimePoint due, absl::AnyInvocable<void()> callback) override {
    return timers_.Schedule(due, [gate = gate_, callback = std::move(callback)]() mutable {
      MutexLock lock(gate->mutex);
      if (gate->loop != nullptr) boost::asio::post(*gate->loop, std::move(callback));
    });
  }
  bool Cancel(TimerId id) override { return timers_.Cancel(id); }

 private:
  struct Gate {
    Mutex mutex;
    boost::asio::io_context* loop ABSL_GUARDED_BY(mutex) = nullptr;
  };
  Timers& timers_;
  const std::shared_ptr<Gate> gate_;
};

}  // namespace

std::unique_ptr<Timers> MakeLoopTimers(boost::asio::io_context& loop) {
  return std::make_unique<LoopTimers>(loop);
}

std::unique_ptr<Timers> PostToLoop(Timers& timers, boost::asio::io_context& loop) {
  return std::make_unique<PostingTimers>(timers, loop);
}

}  // namespace routebench::daemon
