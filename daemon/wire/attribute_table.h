// The sender's side of attribute interning: which sets the peer knows by number.
#ifndef ROUTEBENCH_DAEMON_WIRE_ATTRIBUTE_TABLE_H_
#define ROUTEBENCH_DAEMON_WIRE_ATTRIBUTE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace routebench::wire {

// The most sets, and bytes of them, that one session may define in one direction. Both sides hold to it.
inline constexpr size_t kMaxSets = 1024;
inline constexpr size_t kMaxSetBytes = size_t{1} << 20;

// Sets by identity. `Pointer` is a smart pointer: a set that is in the table stays alive, so that its address
// is not given to another. Nothing leaves the table: once it is full, new sets travel inline. Not
// thread-safe.
template <typename Pointer>
class AttributeTable {
 public:
  struct Answer {
    uint32_t number = 0;  // 0: inline
    bool is_new = false;  // define it first
  };

  // `size` is called for the encoded bytes of a set that is not in the table. Requires a set.
  template <typename Size>
  Answer Find(const Pointer& set, Size&& size) {
    if (set == last_) return {last_number_, false};
    const auto known = sets_.find(&*set);
    if (known != sets_.end()) {
      last_ = set;
      last_number_ = known->second.first;
      return {last_number_, false};
    }
    const size_t bytes = size();
    if (sets_.size() >= kMaxSets || bytes_ + bytes > kMaxSetBytes) return {};
    bytes_ += bytes;
    const uint32_t number = static_cast<uint32_t>(sets_.size()) + 1;
    sets_.emplace(&*set, std::pair(number, set));
    return {number, true};
  }

 private:
  absl::flat_hash_map<const void*, std::pair<uint32_t, Pointer>> sets_;
  size_t bytes_ = 0;
  Pointer last_{};  // most events carry the set of the event before
  uint32_t last_number_ = 0;
};

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_ATTRIBUTE_TABLE_H_
