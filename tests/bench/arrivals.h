// What has come so far, and a wait for more.
#ifndef ROUTEBENCH_TESTS_BENCH_ARRIVALS_H_
#define ROUTEBENCH_TESTS_BENCH_ARRIVALS_H_

#include <atomic>
#include <cstdint>

namespace routebench::bench {

// Thread-safe; one waits. An arrival wakes nobody but the one that was waited for, so that the waiting costs
// the others nothing.
class Arrivals {
 public:
  void Add() {
    if (count_.fetch_add(1) + 1 == awaited_.load()) count_.notify_one();
  }
  void Await(uint64_t count) {
    awaited_.store(count);
    for (uint64_t now = count_.load(); now < count; now = count_.load()) count_.wait(now);
  }
  uint64_t count() const { return count_.load(); }

 private:
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> awaited_{0};
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_ARRIVALS_H_
