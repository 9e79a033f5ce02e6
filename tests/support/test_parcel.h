// Parcels for tests of queues: a header, and a count of those alive.
#ifndef ROUTEBENCH_TESTS_SUPPORT_TEST_PARCEL_H_
#define ROUTEBENCH_TESTS_SUPPORT_TEST_PARCEL_H_

#include <atomic>
#include <cstdint>

#include "events/delivery/parcel.h"

namespace routebench::testing {

class TestParcel final : public delivery::Parcel {
 public:
  static delivery::ParcelPtr Make(const EventHeader& header) { return new TestParcel(header); }
  // Made and not recycled.
  static int64_t alive() { return alive_.load(); }

  const Event& event() const { return event_; }

 private:
  explicit TestParcel(const EventHeader& header) : Parcel(event_.header) {
    event_.header = header;
    alive_.fetch_add(1);
  }
  ~TestParcel() override { alive_.fetch_sub(1); }
  void Recycle() override { delete this; }

  static inline std::atomic<int64_t> alive_{0};
  Event event_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_TEST_PARCEL_H_
