// A delivery without a router.
#ifndef ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_
#define ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_

#include "events/router.h"

namespace routebench::loadgen {

class FakeDelivery final : public Delivery {
 public:
  explicit FakeDelivery(Event event) : event_(std::move(event)) {}
  const Event& event() const override { return event_; }
  size_t following() const override { return 0; }
  Acknowledger Defer() override {
    return Acknowledger([](Verdict) {});
  }

 private:
  const Event event_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_
