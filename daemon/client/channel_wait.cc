#include "daemon/client/channel_wait.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace routebench::daemon {
namespace {

// The two ends of a connection and the daemon between them.
constexpr uint32_t kParties = 3;
// Of the looks at memory, how many go by between two at the descriptors, each a system call.
constexpr uint64_t kLooksPerPoll = 16;

}  // namespace

ChannelWait::ChannelWait(transport::ByteChannel& channel, WaitPolicy policy, Callbacks callbacks)
    : channel_(channel),
      callbacks_(std::move(callbacks)),
      policy_(policy),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)),
      writable_{dup(channel.writable().descriptor), channel.writable().events},
      patience_(policy, kParties) {
  Poll(EPOLL_CTL_ADD, {wake_, POLLIN}, 0, kWake);
  Poll(EPOLL_CTL_ADD, {writable_.descriptor, 0}, EPOLLONESHOT, kWritable);
}

ChannelWait::~ChannelWait() {
  close(epoll_);
  close(wake_);
  close(writable_.descriptor);
}

void ChannelWait::Poll(int operation, const transport::Pollable& pollable, uint32_t flags, Source source) {
  epoll_event event = {};
  event.events = static_cast<uint32_t>(pollable.events) | flags;
  event.data.u32 = source;
  armed_.fetch_add(1, std::memory_order_release);
  epoll_ctl(epoll_, operation, pollable.descriptor, &event);
}

void ChannelWait::Start() {
  reading_.store(false, std::memory_order_release);
  Poll(EPOLL_CTL_ADD, channel_.readable(), EPOLLONESHOT, kReadable);
}

void ChannelWait::WantWritable() { Poll(EPOLL_CTL_MOD, writable_, EPOLLONESHOT, kWritable); }

void ChannelWait::Wait() {
  if (policy_ != WaitPolicy::kBlock && !reading_.exchange(true, std::memory_order_acquire) && LookForWork())
    return;
  Sleep();
}

// Sequentially consistent, as in LookForWork: of a wake-up and whoever stops looking one sees the other.
void ChannelWait::WakeOne() {
  if (policy_ != WaitPolicy::kBlock) {
    wakes_.fetch_add(1);
    if (looking_.load() || !TakeWake()) return;
  }
  eventfd_write(wake_, 1);
}

bool ChannelWait::TakeWake() {
  uint32_t wakes = wakes_.load();
  while (wakes > 0 && !wakes_.compare_exchange_weak(wakes, wakes - 1)) {
  }
  return wakes > 0;
}

void ChannelWait::Sleep() {
  epoll_event event;
  if (epoll_wait(epoll_, &event, 1, -1) != 1) return;
  Attend(static_cast<Source>(event.data.u32), event.events);
}

void ChannelWait::Attend(Source source, uint32_t events) {
  armed_.load(std::memory_order_acquire);
  switch (source) {
    case kWake: {
      eventfd_t count;
      eventfd_read(wake_, &count);
      return;
    }
    case kReadable:
      // Where another thread looks already, it arms when it has done so.
      if (!reading_.exchange(true, std::memory_order_acquire)) Read();
      return;
    case kWritable:
      // A hang-up shows here without having been asked for; the reader deals with it.
      if ((events & static_cast<uint32_t>(writable_.events)) != 0) callbacks_.on_writable();
  }
}

// True: something has come, and perhaps work that this thread is expected to do.
bool ChannelWait::Read() {
  const Came came = callbacks_.on_readable();
  if (came == Came::kEnd) return true;
  // In this order: whoever is woken finds nobody reading.
  reading_.store(false, std::memory_order_release);
  Poll(EPOLL_CTL_MOD, channel_.readable(), EPOLLONESHOT, kReadable);
  return came == Came::kSomething;
}

// With reading_ taken. False: nothing has come for so long that it is time to sleep.
bool ChannelWait::LookForWork() {
  looking_.store(true);
  Poll(EPOLL_CTL_MOD, {channel_.readable().descriptor, 0}, EPOLLONESHOT, kReadable);
  channel_.Look(true);
  patience_.Begin();
  bool found = Find(0);
  for (uint64_t look = 1; !found && patience_.LookAgain(); ++look) found = Find(look);
  channel_.Look(false);
  looking_.store(false);
  // What another thread was not woken for.
  while (TakeWake()) eventfd_write(wake_, 1);
  return Read() || found;
}

bool ChannelWait::Find(uint64_t look) {
  if (TakeWake()) return true;
  if (channel_.looks()) {
    if (channel_.HasBytes()) return true;
    if (look % kLooksPerPoll != 0) return false;
  }
  const transport::Pollable readable = channel_.readable();
  std::array<pollfd, 2> polled = {{{readable.descriptor, readable.events, 0}, {epoll_, POLLIN, 0}}};
  if (poll(polled.data(), polled.size(), 0) <= 0) return false;
  return (polled[1].revents != 0 && AttendOthers()) || polled[0].revents != 0;
}

bool ChannelWait::AttendOthers() {
  epoll_event event;
  if (epoll_wait(epoll_, &event, 1, 0) != 1) return false;
  const auto source = static_cast<Source>(event.data.u32);
  if (source == kReadable) return true;  // armed by a thread that had just read
  Attend(source, event.events);
  return source == kWake;
}

}  // namespace routebench::daemon
