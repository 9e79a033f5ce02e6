// A delivered event in a client's mailbox, still encoded.
#ifndef ROUTEBENCH_DAEMON_CLIENT_WIRE_PARCEL_H_
#define ROUTEBENCH_DAEMON_CLIENT_WIRE_PARCEL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "daemon/transport/byte_pool.h"
#include "daemon/wire/frames.h"
#include "events/codec.h"
#include "events/delivery/parcel.h"
#include "events/stages.h"

namespace routebench::daemon {

class WireParcelPool;
using SharedAttributes = std::shared_ptr<const Attributes>;

// Memory of the pool: this object, then the times of a sampled one, then the body.
class WireParcel final : public delivery::Parcel {
 public:
  const EncodedHeader& encoded() const { return encoded_; }
  std::string_view body() const {
    return {reinterpret_cast<const char*>(this + 1) + stages_size_, encoded_.body_size};
  }
  const SharedAttributes& attributes() const { return interned_ != nullptr ? *interned_ : inline_; }
  uint64_t delivery() const { return delivery_; }
  bool report_delivered() const { return report_delivered_; }

  // True for the first caller: its place in the mailbox is free.
  bool LeaveMailbox() { return !std::exchange(left_mailbox_, true); }

 private:
  friend class WireParcelPool;
  WireParcel(WireParcelPool& home, const EncodedHeader& header)
      : Parcel(encoded_.event), home_(home), encoded_(header) {}
  ~WireParcel() override = default;
  void Recycle() override;
  StageStamps* Stages() override { return reinterpret_cast<StageStamps*>(this + 1); }
  static size_t SizeOf(size_t stages_size, size_t body_size) {
    return sizeof(WireParcel) + stages_size + body_size;
  }

  WireParcelPool& home_;
  const EncodedHeader encoded_;
  const SharedAttributes* interned_ = nullptr;
  SharedAttributes inline_;
  uint64_t delivery_ = 0;
  bool report_delivered_ = false;
  bool left_mailbox_ = false;
  uint16_t stages_size_ = 0;
  WireParcel* next_ = nullptr;
};

// Get may be called by one thread at a time, parcels return from any thread without a lock. Outlives its
// parcels.
class WireParcelPool {
 public:
  WireParcelPool() = default;
  ~WireParcelPool() { TakeReturned(); }
  WireParcelPool(const WireParcelPool&) = delete;
  WireParcelPool& operator=(const WireParcelPool&) = delete;

  // Copies the body and the stages, which are null where the event is not sampled. `interned` outlives the
  // parcel; null: `own` instead.
  boost::intrusive_ptr<WireParcel> Get(const wire::EventView& view, const StageStamps* stages,
                                       const SharedAttributes* interned, SharedAttributes own,
                                       uint64_t delivery, bool report_delivered);

 private:
  friend class WireParcel;
  void TakeReturned();

  transport::BytePool bytes_;                               // the getter's
  alignas(64) std::atomic<WireParcel*> returned_{nullptr};  // a stack that is only ever emptied whole
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_WIRE_PARCEL_H_
