// What a publisher keeps until the daemon releases it.
#ifndef ROUTEBENCH_DAEMON_CLIENT_KEEPER_H_
#define ROUTEBENCH_DAEMON_CLIENT_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "events/event.h"

namespace routebench::daemon {

struct KeepLimits {
  size_t events = size_t{1} << 16;  // at least 1
  size_t bytes = size_t{64} << 20;  // encoded, headers and attributes included; one event may overdraw it
};

// Events in the order in which they were published. In each session with a daemon they are sent in that
// order, and numbered from 1 by it; the daemon releases them by these numbers, in any order. Not thread-safe.
class Keeper {
 public:
  explicit Keeper(const KeepLimits& limits) : limits_(limits) {}

  bool HasRoom() const {
    return events_ < limits_.events && bytes_ < limits_.bytes && kept_.size() < kSpan * limits_.events;
  }
  void Add(const Event& event);

  // A new session begins: everything that is kept is to be sent again.
  void StartSession();
  // The next one to be sent in this session; null: all are. Valid until the next call here.
  const Event* NextToSend() const { return sent_ < kept_.size() ? &kept_[sent_].event : nullptr; }
  // It was sent in an earlier session, and may have arrived.
  bool NextIsResent() const { return kept_[sent_].sent_before; }
  void NoteSent() { ++sent_; }
  // The next one cannot be sent at all: it is not kept any more.
  Event TakeNext();

  // Appends the events of these numbers to `released`, which are not kept any more. False: not sent in this
  // session, or released before.
  bool Release(uint64_t first, uint64_t count, std::vector<Event>& released);
  // Likewise all of them.
  void ReleaseAll(std::vector<Event>& released);

  size_t events() const { return events_; }
  size_t bytes() const { return bytes_; }

 private:
  // A kept event may hold up the released ones behind it, in memory: that many times the limit of them.
  static constexpr size_t kSpan = 8;

  struct Kept {
    Event event;
    size_t bytes;
    bool sent_before = false;
    bool released = false;
  };
  void Release(Kept& kept, std::vector<Event>& released);

  const KeepLimits limits_;
  std::deque<Kept> kept_;
  uint64_t front_ = 1;  // the number of the first
  size_t sent_ = 0;     // of kept_, from its front
  size_t events_ = 0;   // not released
  size_t bytes_ = 0;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_KEEPER_H_
