// The dead letters of a router, bounded (R13).
#ifndef ROUTEBENCH_EVENTS_DELIVERY_DEAD_LETTER_QUEUE_H_
#define ROUTEBENCH_EVENTS_DELIVERY_DEAD_LETTER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "events/delivery/parcel.h"
#include "events/outcome.h"
#include "events/routing_options.h"

namespace routebench::delivery {

// Not thread-safe.
class DeadLetterQueue {
 public:
  struct Letter {
    uint64_t number = 0;
    ParcelPtr parcel;
    size_t bytes = 0;  // of the body
    uint64_t subscription = 0;
    std::string service;
    Outcome reason = Outcome::kRejected;
  };

  // Requires room for at least one.
  explicit DeadLetterQueue(const DeadLetterOptions& options) : options_(options) {}

  // Numbers it; forgets the oldest ones where there is no room.
  void Add(Letter letter);
  // Null: not there. Valid until the next change.
  const Letter* Find(uint64_t number) const;
  // False: not there.
  bool Erase(uint64_t number);

  const std::deque<Letter>& letters() const { return letters_; }  // by number
  size_t bytes() const { return bytes_; }
  uint64_t forgotten() const { return forgotten_; }  // for want of room

 private:
  std::deque<Letter>::const_iterator At(uint64_t number) const;
  void Forget(std::deque<Letter>::const_iterator letter);

  const DeadLetterOptions options_;
  std::deque<Letter> letters_;
  size_t bytes_ = 0;
  uint64_t last_ = 0;
  uint64_t forgotten_ = 0;
};

}  // namespace routebench::delivery

#endif  // ROUTEBENCH_EVENTS_DELIVERY_DEAD_LETTER_QUEUE_H_
