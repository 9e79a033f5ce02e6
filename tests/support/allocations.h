// Counts what a test allocates. Linking allocations.cc replaces the global operator new.
#ifndef ROUTEBENCH_TESTS_SUPPORT_ALLOCATIONS_H_
#define ROUTEBENCH_TESTS_SUPPORT_ALLOCATIONS_H_

#include <cstdint>

namespace routebench::testing {

struct Allocations {
  uint64_t count = 0;
  uint64_t bytes = 0;

  // Since each thread began; read the difference.
  static Allocations OfThisThread();
  // Of all threads together.
  static Allocations OfAllThreads();

  friend Allocations operator-(const Allocations& a, const Allocations& b) {
    return {.count = a.count - b.count, .bytes = a.bytes - b.bytes};
  }
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_ALLOCATIONS_H_
