#include "tests/conformance/conformance_test.h"

#include <numeric>

namespace routebench::conformance {

std::vector<uint64_t> UpTo(uint64_t n) {
  std::vector<uint64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 1);
  return numbers;
}

ConformanceTest::ConformanceTest() {
  options.outcome_sink = outcomes_.Sink();
  options.report_delivered = true;
  options.handler_threads = 4;
  options.wait = WaitUnderTest();
}

Backend& ConformanceTest::backend() {
  if (backend_ == nullptr) backend_ = BackendUnderTest().make(options, time_);
  return *backend_;
}

Event ConformanceTest::NewEvent(EventKind kind) {
  static const auto& attributes = *new std::shared_ptr<const Attributes>(
      std::make_shared<Attributes>(Attributes{.source = {.id = "test-1", .type = "test", .instance = "1"},
                                              .custom_name = "test.custom",
                                              .content_type = "text/plain"}));
  Event event;
  event.header.id = ids_.Next();
  event.header.kind = kind;
  event.header.sequence = ++sequence_;
  event.header.publisher = 1;
  event.header.created = event.header.due = time_.Now();
  event.attributes = attributes;
  event.payload = Payload::Bytes(std::make_shared<std::string>("event " + std::to_string(sequence_)));
  return event;
}

void ConformanceTest::PublishMore(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const Event event = NewEvent();
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted) << "event " << event.header.sequence;
  }
}

void ConformanceTest::MustRegister(const ServiceSpec& service) {
  const absl::Status status = subscriber().Register(service);
  ASSERT_TRUE(status.ok()) << status;
}

SubscriptionId ConformanceTest::MustSubscribe(const SubscriptionSpec& spec, Handler handler) {
  const auto id = subscriber().Subscribe(spec, std::move(handler));
  EXPECT_TRUE(id.ok()) << id.status();
  return id.ok() ? *id : 0;
}

SubscriptionId ConformanceTest::AddReceiver(SubscriptionSpec spec, Handler handler) {
  if (spec.service.empty()) spec.service = "receiver";
  MustRegister({.id = spec.service});
  return MustSubscribe(spec, std::move(handler));
}

void ConformanceTest::MustDrain() {
  const absl::Status status = publisher().Drain(kPatience);
  ASSERT_TRUE(status.ok()) << status;
}

void ConformanceTest::Settle() {
  ASSERT_TRUE(subscriber().Statistics().ok());
  ASSERT_TRUE(publisher().Statistics().ok());
}

Books ConformanceTest::BooksOf(SubscriptionId id) {
  const auto statistics = subscriber().Statistics();
  EXPECT_TRUE(statistics.ok()) << statistics.status();
  if (statistics.ok()) {
    for (const RouterStatistics::Subscription& subscription : statistics->subscriptions) {
      if (subscription.id == id) return subscription.books;
    }
  }
  ADD_FAILURE() << "no subscription " << id;
  return {};
}

Books ConformanceTest::RouterBooks() {
  const auto statistics = publisher().Statistics();
  EXPECT_TRUE(statistics.ok()) << statistics.status();
  return statistics.ok() ? statistics->books : Books();
}

}  // namespace routebench::conformance
