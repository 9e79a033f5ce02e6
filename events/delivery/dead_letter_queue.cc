#include "events/delivery/dead_letter_queue.h"

#include <algorithm>
#include <utility>

namespace routebench::delivery {

void DeadLetterQueue::Add(Letter letter) {
  letter.number = ++last_;
  bytes_ += letter.bytes;
  letters_.push_back(std::move(letter));
  while (letters_.size() > 1 && (letters_.size() > options_.most || bytes_ > options_.most_bytes)) {
    Forget(letters_.begin());
    ++forgotten_;
  }
}

const DeadLetterQueue::Letter* DeadLetterQueue::Find(uint64_t number) const {
  const auto letter = At(number);
  return letter == letters_.end() ? nullptr : &*letter;
}

bool DeadLetterQueue::Erase(uint64_t number) {
  const auto letter = At(number);
  if (letter == letters_.end()) return false;
  Forget(letter);
  return true;
}

std::deque<DeadLetterQueue::Letter>::const_iterator DeadLetterQueue::At(uint64_t number) const {
  const auto letter = std::lower_bound(letters_.begin(), letters_.end(), number,
                                       [](const Letter& l, uint64_t n) { return l.number < n; });
  return letter != letters_.end() && letter->number == number ? letter : letters_.end();
}

void DeadLetterQueue::Forget(std::deque<Letter>::const_iterator letter) {
  bytes_ -= letter->bytes;
  letters_.erase(letter);
}

}  // namespace routebench::delivery
