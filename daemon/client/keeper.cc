#include "daemon/client/keeper.h"

#include <utility>

#include "events/codec.h"

namespace routebench::daemon {

void Keeper::Add(const Event& event) {
  size_t bytes = kEncodedHeaderSize + event.payload.encoded_size();
  if (event.attributes != nullptr) bytes += EncodedSize(*event.attributes);
  kept_.push_back({.event = event, .bytes = bytes});
  ++events_;
  bytes_ += bytes;
}

void Keeper::StartSession() {
  size_t left = 0;
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].released) continue;
    kept_[i].sent_before = kept_[i].sent_before || i < sent_;
    if (left != i) kept_[left] = std::move(kept_[i]);
    ++left;
  }
  kept_.erase(kept_.begin() + static_cast<ptrdiff_t>(left), kept_.end());
  front_ = 1;
  sent_ = 0;
}

Event Keeper::TakeNext() {
  Kept& next = kept_[sent_];
  --events_;
  bytes_ -= next.bytes;
  Event event = std::move(next.event);
  kept_.erase(kept_.begin() + static_cast<ptrdiff_t>(sent_));
  return event;
}

bool Keeper::Release(uint64_t first, uint64_t count, std::vector<Event>& released) {
  if (first < front_ || first - front_ >= sent_ || count == 0 || count > sent_ - (first - front_))
    return false;
  const size_t begin = first - front_;
  for (size_t i = begin; i < begin + count; ++i) {
    if (kept_[i].released) return false;
    Release(kept_[i], released);
  }
  while (!kept_.empty() && kept_.front().released) {
    kept_.pop_front();
    ++front_;
    --sent_;
  }
  return true;
}

void Keeper::Release(Kept& kept, std::vector<Event>& released) {
  kept.released = true;
  --events_;
  bytes_ -= kept.bytes;
  released.push_back(std::move(kept.event));
}

void Keeper::ReleaseAll(std::vector<Event>& released) {
  for (Kept& kept : kept_) {
    if (!kept.released) Release(kept, released);
  }
  kept_.clear();
  sent_ = 0;
}

}  // namespace routebench::daemon
