// Where the coordinator's parcels come from and return to.
#ifndef ROUTEBENCH_COORDINATOR_PARCEL_POOL_H_
#define ROUTEBENCH_COORDINATOR_PARCEL_POOL_H_

#include <atomic>
#include <memory>

#include "events/delivery/parcel.h"
#include "events/event.h"

namespace routebench::coordinator {

class ParcelPool;

// A typed event on its way. Keeps the attributes of the last event between two uses: publishers share one
// object among many events, and counting the references to it for each event would pass its cache line to and
// fro between publisher and handler.
class alignas(64) TypedParcel final : public delivery::Parcel {
 public:
  const Event& event() const { return event_; }

 private:
  friend class ParcelPool;
  explicit TypedParcel(ParcelPool& home) : Parcel(event_.header), home_(home) {}
  ~TypedParcel() override = default;
  void Recycle() override;
  StageStamps* Stages() override { return &stages_; }

  ParcelPool& home_;
  Event event_;
  TypedParcel* next_ = nullptr;
  StageStamps stages_;  // of a sampled event; last, so that the others never touch its cache lines
};

// Grows to the largest number of events that were ever in flight (which the capacities of the subscriptions
// bound) and reuses them. Get may be called by one thread at a time; parcels return from any thread without a
// lock. Must outlive its parcels.
class ParcelPool {
 public:
  ParcelPool() = default;
  ~ParcelPool();
  ParcelPool(const ParcelPool&) = delete;
  ParcelPool& operator=(const ParcelPool&) = delete;

  // An empty parcel; Fill it before it is shared.
  boost::intrusive_ptr<TypedParcel> Get();
  // `stages` is null where the event is not sampled.
  static void Fill(TypedParcel& parcel, const Event& event, const StageStamps* stages);

 private:
  friend class TypedParcel;
  static constexpr size_t kGrowth = 128;
  void Grow();
  void Put(TypedParcel* parcel);

  TypedParcel* free_ = nullptr;                              // the getter's
  alignas(64) std::atomic<TypedParcel*> returned_{nullptr};  // a stack that is only ever emptied whole
};

}  // namespace routebench::coordinator

#endif  // ROUTEBENCH_COORDINATOR_PARCEL_POOL_H_
