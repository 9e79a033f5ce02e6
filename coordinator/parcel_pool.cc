#include "coordinator/parcel_pool.h"

namespace routebench::coordinator {

void TypedParcel::Recycle() {
  // Gives up the shared body and attributes now, not when the parcel is used again.
  event_.attributes = nullptr;
  event_.payload = Payload();
  home_.Put(this);
}

ParcelPool::~ParcelPool() {
  for (TypedParcel* list : {free_, returned_.load()}) {
    while (list != nullptr) {
      TypedParcel* const next = list->next_;
      delete list;
      list = next;
    }
  }
}

boost::intrusive_ptr<TypedParcel> ParcelPool::Get() {
  if (free_ == nullptr) free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) return new TypedParcel(*this);
  TypedParcel* const parcel = free_;
  free_ = parcel->next_;
  return parcel;
}

void ParcelPool::Fill(TypedParcel& parcel, const Event& event) { parcel.event_ = event; }

void ParcelPool::Put(TypedParcel* parcel) {
  parcel->next_ = returned_.load(std::memory_order_relaxed);
  while (!returned_.compare_exchange_weak(parcel->next_, parcel, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
}

}  // namespace routebench::coordinator
