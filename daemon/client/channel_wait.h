// How the idle threads of a client wait: for its channel, and for each other.
#ifndef ROUTEBENCH_DAEMON_CLIENT_CHANNEL_WAIT_H_
#define ROUTEBENCH_DAEMON_CLIENT_CHANNEL_WAIT_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "daemon/transport/channel.h"
#include "events/dispatch/worker_pool.h"
#include "events/wait.h"

namespace routebench::daemon {

// One thread at a time reads the channel, inside Wait; the next may, as soon as that one has left Wait to run
// what it has read. With a policy that looks, one of the waiting threads looks and the others sleep.
//
// Thread-safe. All references outlive it, and no thread is inside when it is destroyed.
class ChannelWait final : public dispatch::IdleWait {
 public:
  enum class Came : uint8_t { kNothing, kSomething, kEnd };
  struct Callbacks {
    // One Read and what follows from it; after kEnd never again. Of one thread at a time, each after what the
    // one before has done.
    std::function<Came()> on_readable;
    std::function<void()> on_writable;
  };
  // Aborts nothing: where descriptors are used up nothing ever comes.
  ChannelWait(transport::ByteChannel& channel, WaitPolicy policy, Callbacks callbacks);
  ~ChannelWait() override;

  // Reads from now on. Once.
  void Start();
  // One on_writable, when the channel takes more.
  void WantWritable();

  void Wait() override;
  void WakeOne() override;

 private:
  enum Source : uint32_t { kWake, kReadable, kWritable };

  void Poll(int operation, const transport::Pollable& pollable, uint32_t flags, Source source);
  void Sleep();
  bool LookForWork();
  bool Find(uint64_t look);
  bool TakeWake();
  // Events of the descriptors other than for reading, without waiting. True: it was a wake-up.
  bool AttendOthers();
  void Attend(Source source, uint32_t events);
  bool Read();

  transport::ByteChannel& channel_;
  const Callbacks callbacks_;
  const WaitPolicy policy_;
  const int epoll_;
  const int wake_;
  const transport::Pollable writable_;  // the channel's, with the descriptor once more: polled by itself
  // epoll hands over from one thread to the next, by arming and waking. The kernel orders the two sides; this
  // counter says so in the language's terms.
  std::atomic<uint32_t> armed_{0};
  std::atomic<bool> reading_{true};  // some thread reads, or looks; for ever before Start and after the end
  std::atomic<bool> looking_{false};
  std::atomic<uint32_t> wakes_{0};  // left to the thread that looks
  Patience patience_;               // of that thread
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_CHANNEL_WAIT_H_
