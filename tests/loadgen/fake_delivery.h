// A delivery without a router.
#ifndef ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_
#define ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_

#include "events/router.h"

namespace routebench::loadgen {

class FakeDelivery final : public Delivery {
 public:
  explicit FakeDelivery(Event event, const StageStamps* stages = nullptr)
      : event_(std::move(event)), stages_(stages) {}
  const Event& event() const override { return event_; }
  size_t following() const override { return 0; }
  const StageStamps* stages() const override { return stages_; }
  Acknowledger Defer() override {
    return Acknowledger([](Verdict) {});
  }

 private:
  const Event event_;
  const StageStamps* const stages_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_TESTS_LOADGEN_FAKE_DELIVERY_H_
