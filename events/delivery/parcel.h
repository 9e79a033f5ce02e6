// What waits in a delivery queue: an event's header, its size, and whatever the backend hangs on it.
#ifndef ROUTEBENCH_EVENTS_DELIVERY_PARCEL_H_
#define ROUTEBENCH_EVENTS_DELIVERY_PARCEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "events/event.h"
#include "events/stages.h"

namespace routebench::delivery {

// One accepted event, shared by the queues of all its targets; immutable once shared. A backend derives from
// it (the coordinator adds the typed event, the daemon the encoded bytes), owns the header there, and gets
// the parcel back through Recycle.
//
// Thread-safe reference count: if thread A drops its reference before thread B drops the last one, everything
// A did with the parcel happens before Recycle.
class Parcel {
 public:
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;

  const EventHeader& header() const { return header_; }
  // Null: not sampled. Shared like the rest; what is later than the sharing belongs into a copy.
  StageStamps* stages() { return sampled_ ? Stages() : nullptr; }
  const StageStamps* stages() const { return const_cast<Parcel*>(this)->stages(); }

 protected:
  // `header` is a member of the derived class: not read before the parcel is offered.
  explicit Parcel(const EventHeader& header) : header_(header) {}
  virtual ~Parcel() = default;
  // Before it is shared.
  void SetSampled(bool sampled) { sampled_ = sampled; }

 private:
  // Nobody else can change a count of none, nor one where the only reference is the caller's: most parcels
  // have one receiver and pay for no locked instruction.
  friend void intrusive_ptr_add_ref(Parcel* parcel) {
    if (parcel->references_.load(std::memory_order_relaxed) == 0) {
      parcel->references_.store(1, std::memory_order_relaxed);
    } else {
      parcel->references_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  friend void intrusive_ptr_release(Parcel* parcel) {
    if (parcel->references_.load(std::memory_order_acquire) == 1) {
      parcel->references_.store(0, std::memory_order_relaxed);
    } else if (parcel->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
      return;
    }
    parcel->Recycle();
  }
  // The last reference is gone: return to the pool. Runs on whichever thread dropped it.
  virtual void Recycle() = 0;
  // Where the derived class has them; asked for sampled parcels only.
  virtual StageStamps* Stages() { return nullptr; }

  const EventHeader& header_;
  std::atomic<uint32_t> references_{0};
  bool sampled_ = false;
};

using ParcelPtr = boost::intrusive_ptr<Parcel>;

// Parcels are written by one processor and read by another: asking for the next one early hides the way of
// its cache lines behind the work on this one.
inline void Prefetch(const Parcel& parcel) {
  const char* const start = reinterpret_cast<const char*>(&parcel);
  for (size_t offset = 0; offset < 256; offset += 64) __builtin_prefetch(start + offset);
}

}  // namespace routebench::delivery

#endif  // ROUTEBENCH_EVENTS_DELIVERY_PARCEL_H_
