// Ties the calling thread to one processor, for the pinned variant of a benchmark.
#ifndef ROUTEBENCH_TESTS_BENCH_PINNING_H_
#define ROUTEBENCH_TESTS_BENCH_PINNING_H_

#include <sched.h>

namespace routebench::bench {

// While it lives the calling thread, and every thread and process it starts, runs on `cpu` only; a negative
// number changes nothing. The former affinity comes back afterwards.
class Pinned {
 public:
  explicit Pinned(int cpu) {
    sched_getaffinity(0, sizeof former_, &former_);
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  ~Pinned() { sched_setaffinity(0, sizeof former_, &former_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t former_;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PINNING_H_
