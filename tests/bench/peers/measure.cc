#include "tests/bench/peers/measure.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "absl/strings/str_cat.h"
#include "events/clock.h"
#include "loadgen/child_process.h"
#include "tests/bench/child_process.h"
#include "tests/bench/pinning.h"

namespace routebench::bench {
namespace {

using loadgen::Descriptor;

constexpr int kPatienceMilliseconds = 30'000;
constexpr uint64_t kCreditsAWindow = 8;

int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read;
  Descriptor write;
};

// What the processes of a run leave for the one that started them.
struct Notes {
  std::atomic<int64_t> started{0};
  std::atomic<int64_t> ended{0};
  std::atomic<uint64_t> expected{0};  // the number that did not come
  std::atomic<uint64_t> came{0};      // instead; 0: what was expected always did
  std::atomic<uint64_t> digest{0};
  std::array<int64_t, kMostTrips> nanos;
};

class SharedNotes {
 public:
  SharedNotes() {
    void* const memory =
        mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    notes_ = new (memory) Notes;
  }
  ~SharedNotes() { munmap(notes_, sizeof(Notes)); }
  SharedNotes(const SharedNotes&) = delete;
  SharedNotes& operator=(const SharedNotes&) = delete;
  Notes* operator->() const { return notes_; }

 private:
  Notes* notes_;
};

// The parent may have signals blocked, to end in good order itself.
void TakeSignals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void WriteByte(const Descriptor& descriptor) {
  if (write(descriptor.get(), "c", 1) != 1) _exit(1);
}
// How many came; ends the process with the other one.
uint64_t ReadBytes(const Descriptor& descriptor) {
  std::array<char, 64> bytes;
  const ssize_t got = read(descriptor.get(), bytes.data(), bytes.size());
  if (got <= 0) _exit(1);
  return static_cast<uint64_t>(got);
}

uint64_t ReadWords(std::string_view body) {
  uint64_t sum = 0;
  for (size_t i = 0; i + sizeof(uint64_t) <= body.size(); i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, body.data() + i, sizeof word);
    sum += word;
  }
  return sum;
}

// Checks that every number comes, in order, with all its bytes, and reads them.
class Checker {
 public:
  explicit Checker(const SharedNotes& notes) : notes_(notes) {}
  // False: it is not the next one; the notes say so.
  bool Check(const Arrived& event) {
    digest_ += ReadWords(event.body);
    if (event.sequence == ++seen_ && event.body.size() == kBodyBytes) return true;
    notes_->expected.store(seen_);
    notes_->came.store(event.sequence);
    return false;
  }
  uint64_t seen() const { return seen_; }
  uint64_t digest() const { return digest_; }

 private:
  const SharedNotes& notes_;
  uint64_t seen_ = 0;
  uint64_t digest_ = 0;
};

// Waits until `done` has a byte. The pipes end with the processes that hold them.
absl::Status AwaitDone(const Pipe& done, const Pipe& other, const SharedNotes& notes) {
  std::array<pollfd, 2> polled = {{{done.read.get(), POLLIN, 0}, {other.read.get(), 0, 0}}};
  if (poll(polled.data(), polled.size(), kPatienceMilliseconds) <= 0)
    return absl::UnavailableError("it stood still: an event was lost, or somebody hangs");
  char byte;
  if (polled[0].revents == 0) return absl::UnavailableError("the sending process has ended");
  if (read(done.read.get(), &byte, 1) != 1) return absl::UnavailableError("the receiving process has ended");
  if (notes->expected.load() == 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("event ", notes->expected.load(), " did not come, but ", notes->came.load()));
}

absl::StatusOr<std::unique_ptr<Server>> StartServer(const Broker& broker, const Placement& placement) {
  const Pinned pin(placement.broker);
  return broker.start();
}

// The next one when half of it is due: one process's events never wait for the window while the other works.
[[noreturn]] void SendAll(Server& server, uint64_t events, uint64_t window, const Descriptor& credits,
                          const SharedNotes& notes) {
  const std::unique_ptr<Party> party = server.Connect({.sends = Topic::kThere, .window = window}, nullptr);
  const uint64_t each = window / kCreditsAWindow;
  uint64_t allowed = window + (ReadBytes(credits) - 1) * each;  // the first one says that it listens
  party->AwaitListener();
  notes->started.store(Now());
  for (uint64_t n = 1; n <= events; ++n) {
    if (n > allowed) {
      party->Flush();
      while (n > allowed) allowed += ReadBytes(credits) * each;
    }
    party->Send(n);
  }
  party->Flush();
  for (;;) pause();
}

[[noreturn]] void ReceiveAll(Server& server, uint64_t events, uint64_t window, const Descriptor& credits,
                             const Descriptor& done, const SharedNotes& notes) {
  Checker checker(notes);
  const uint64_t each = window / kCreditsAWindow;
  const std::unique_ptr<Party> party =
      server.Connect({.sends = Topic::kBack, .receives = Topic::kThere, .listens = true, .window = window},
                     [&](const Arrived& event) {
                       const bool good = checker.Check(event);
                       if (good && checker.seen() < events) {
                         if (checker.seen() % each == 0) WriteByte(credits);
                         return true;
                       }
                       notes->ended.store(Now());
                       return false;
                     });
  WriteByte(credits);
  party->Receive();
  notes->digest.store(checker.digest());
  WriteByte(done);
  for (;;) pause();
}

[[noreturn]] void Echo(Server& server, const Descriptor& ready) {
  std::atomic<Party*> answering{nullptr};  // the first event may come before Connect has returned
  const std::unique_ptr<Party> party = server.Connect(
      {.sends = Topic::kBack, .receives = Topic::kThere, .listens = true, .at_once = true, .window = 1},
      [&](const Arrived& event) {
        answering.wait(nullptr);
        answering.load()->Send(event.sequence);
        return true;
      });
  answering.store(party.get());
  answering.notify_all();
  WriteByte(ready);
  party->AwaitListener();
  party->Receive();
  _exit(1);
}

[[noreturn]] void Call(Server& server, size_t trips, const Descriptor& ready, const Descriptor& done,
                       const SharedNotes& notes) {
  const size_t warmup = trips / 10;
  Checker checker(notes);
  // Main's and the listener's in turns; the turn goes through other processes.
  std::atomic<Party*> asking{nullptr};
  std::atomic<int64_t> sent{0};
  const std::unique_ptr<Party> party = server.Connect(
      {.sends = Topic::kThere, .receives = Topic::kBack, .listens = true, .at_once = true, .window = 1},
      [&](const Arrived& event) {
        const int64_t now = Now();
        if (!checker.Check(event)) return false;
        if (checker.seen() > warmup) notes->nanos[checker.seen() - warmup - 1] = now - sent;
        if (checker.seen() == warmup + trips) return false;
        sent = Now();
        asking.load()->Send(checker.seen() + 1);
        return true;
      });
  asking = party.get();
  ReadBytes(ready);
  party->AwaitListener();
  sent = Now();
  party->Send(1);
  party->Receive();
  WriteByte(done);
  for (;;) pause();
}

}  // namespace

std::vector<Placement> OneWayPlacements() {
  std::vector<Placement> placements = {{.name = "unpinned"}};
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) placements.push_back({"broker apart", 0, 1});
  return placements;
}

std::vector<Placement> RoundTripPlacements() {
  std::vector<Placement> placements = OneWayPlacements();
  placements.push_back({"one processor", 0, 0});
  return placements;
}

absl::StatusOr<double> MeasureOneWay(const Broker& broker, const Placement& placement, uint64_t events,
                                     uint64_t window) {
  auto server = StartServer(broker, placement);
  if (!server.ok()) return server.status();
  const SharedNotes notes;
  Pipe credits;
  Pipe done;
  Pipe sending;  // open as long as the sending process lives
  const ChildProcess receiver([&] {
    TakeSignals();
    const Pinned pin(placement.ends);
    credits.read.Reset();
    sending.write.Reset();
    ReceiveAll(**server, events, window, credits.write, done.write, notes);
  });
  const ChildProcess sender([&] {
    TakeSignals();
    const Pinned pin(placement.ends);
    credits.write.Reset();
    done.write.Reset();
    SendAll(**server, events, window, credits.read, notes);
  });
  for (Descriptor* const end : {&credits.read, &credits.write, &done.write, &sending.write}) end->Reset();
  if (absl::Status status = AwaitDone(done, sending, notes); !status.ok()) return status;
  if (broker.ours) server->reset();  // it would log that its peers die
  const double seconds = static_cast<double>(notes->ended.load() - notes->started.load()) / 1e9;
  return static_cast<double>(events) / seconds;
}

absl::StatusOr<RoundTrip> MeasureRoundTrip(const Broker& broker, const Placement& placement, size_t trips) {
  auto server = StartServer(broker, placement);
  if (!server.ok()) return server.status();
  const SharedNotes notes;
  Pipe ready;
  Pipe done;
  Pipe echoing;
  const ChildProcess echo([&] {
    TakeSignals();
    const Pinned pin(placement.ends);
    done.write.Reset();
    Echo(**server, ready.write);
  });
  const ChildProcess caller([&] {
    TakeSignals();
    const Pinned pin(placement.ends);
    ready.write.Reset();
    echoing.write.Reset();
    Call(**server, trips, ready.read, done.write, notes);
  });
  for (Descriptor* const end : {&ready.read, &ready.write, &done.write, &echoing.write}) end->Reset();
  if (absl::Status status = AwaitDone(done, echoing, notes); !status.ok()) return status;
  if (broker.ours) server->reset();
  std::vector<int64_t> nanos(notes->nanos.begin(), notes->nanos.begin() + static_cast<std::ptrdiff_t>(trips));
  std::sort(nanos.begin(), nanos.end());
  return RoundTrip{.p50_us = static_cast<double>(nanos[trips / 2]) / 1e3,
                   .p99_us = static_cast<double>(nanos[trips * 99 / 100]) / 1e3};
}

}  // namespace routebench::bench
