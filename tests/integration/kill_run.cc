#include "tests/integration/kill_run.h"

#include <signal.h>

#include <cstdlib>
#include <ostream>
#include <utility>

#include "tests/support/patience.h"

namespace routebench::testing {

KillRun::KillRun(uint64_t max_events) : handed_(max_events + 1) {}

KillRun::~KillRun() {
  StopPublisher();
  if (thread_.joinable()) thread_.join();
}

bool KillRun::StartEventd(const std::string& crash_point) {
  eventd_.reset();
  if (!crash_point.empty()) setenv("ROUTEBENCH_CRASH_POINT", crash_point.c_str(), 1);
  eventd_ = std::make_unique<EventdProcess>(
      std::vector<std::string>{"--listen", socket(), "--state", state(), "--log-level", "warning"});
  unsetenv("ROUTEBENCH_CRASH_POINT");
  return eventd_->AwaitReady();
}

void KillRun::KillEventd() {
  eventd_->Signal(SIGKILL);
  eventd_->AwaitExit();
}

absl::Status KillRun::Connect() {
  const auto options = [this](const char* name) {
    ReconnectingClientOptions options;
    options.client.endpoint = socket();
    options.client.name = name;
    return options;
  };
  if (publisher_ == nullptr) {
    ReconnectingClientOptions publishing = options("publisher");
    publishing.release_sink = [this](const Event& event, bool by_all) {
      if (handed_[event.header.sequence].load() == 0) ++released_before_handed_;
      ++(by_all ? released_ : released_otherwise_);
    };
    auto client = ReconnectingClient::Connect(std::move(publishing));
    if (!client.ok()) return client.status();
    publisher_ = *std::move(client);
  }
  auto client = ReconnectingClient::Connect(options("subscriber"));
  if (!client.ok()) return client.status();
  subscriber_ = *std::move(client);
  return absl::OkStatus();
}

absl::Status KillRun::Subscribe() {
  const absl::Status registered = subscriber_->Register({.id = "receiver"});
  if (!registered.ok() && !absl::IsAlreadyExists(registered)) return registered;
  return subscriber_
      ->Subscribe({.service = "receiver", .guarantee = Guarantee::kAtLeastOnce, .name = "name"},
                  [this](Delivery& delivery) { return OnEvent(delivery.event()); })
      .status();
}

Verdict KillRun::OnEvent(const Event& event) {
  ++handed_[event.header.sequence];
  MutexLock lock(mutex_);
  ++handled_;
  if (std::exchange(watching_, false)) first_ = Clock::System().Now();
  changed_.NotifyAll();
  return Verdict::kAck;
}

void KillRun::StartPublisher(uint64_t count, double per_second) {
  thread_ = std::thread([this, count, per_second] { Publish(count, per_second); });
}

void KillRun::Publish(uint64_t count, double per_second) {
  Event event;
  event.header.kind = EventKind::kFileModified;
  event.payload = Payload::Bytes(std::make_shared<std::string>(100, 'x'));
  const TimePoint start = Clock::System().Now();
  for (uint64_t n = 0; n < count && !stop_.load(); ++n) {
    if (per_second > 0) {
      std::this_thread::sleep_until(
          start + std::chrono::nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(n) / per_second)));
    }
    event.header.sequence = accepted_.load() + 1;
    event.header.id = {1, event.header.sequence};
    if (publisher_->Publish(event) != PublishResult::kAccepted) return;
    ++accepted_;
  }
}

void KillRun::StopPublisher() { stop_.store(true); }

void KillRun::JoinPublisher() { thread_.join(); }

uint64_t KillRun::handled() {
  MutexLock lock(mutex_);
  return handled_;
}

bool KillRun::AwaitHandled(uint64_t count) {
  MutexLock lock(mutex_);
  return AwaitUnder(mutex_, changed_, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return handled_ >= count; });
}

void KillRun::WatchFirst() {
  MutexLock lock(mutex_);
  watching_ = true;
}

std::optional<TimePoint> KillRun::AwaitFirst() {
  MutexLock lock(mutex_);
  if (!AwaitUnder(mutex_, changed_, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !watching_; })) {
    return std::nullopt;
  }
  return first_;
}

absl::Status KillRun::Drain() {
  if (absl::Status status = publisher_->Drain(kPatience); !status.ok()) return status;
  // What is still on its way to the subscriber would be a duplicate.
  return subscriber_->Close(kPatience);
}

KillRun::Books KillRun::books() const {
  Books books;
  books.accepted = accepted_.load();
  for (uint64_t sequence = 1; sequence <= books.accepted; ++sequence) {
    const uint32_t handed = handed_[sequence].load();
    if (handed == 0) ++books.lost;
    if (handed > 1) ++books.duplicates;
  }
  books.released = released_.load();
  books.released_otherwise = released_otherwise_.load();
  books.released_before_handed = released_before_handed_.load();
  return books;
}

std::ostream& operator<<(std::ostream& out, const KillRun::Books& books) {
  return out << books.accepted << " accepted, " << books.lost << " lost, " << books.duplicates
             << " duplicates, " << books.released << " released, " << books.released_otherwise
             << " otherwise, " << books.released_before_handed << " before they were handed";
}

}  // namespace routebench::testing
