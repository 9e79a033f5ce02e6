// Seeded random numbers that are the same on every machine.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_RANDOM_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_RANDOM_H_

#include <cstdint>

namespace routebench::loadgen {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). Integer
// arithmetic only; no distribution of the standard library, whose results differ between libraries. Not
// thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Uniform in [0, limit), limit > 0 (Lemire's multiplication; the bias is below 2^-32 for the limits used
  // here).
  uint64_t Below(uint64_t limit) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * limit) >> 64);
  }

  // Unit exponential by comparisons alone (von Neumann, Various techniques used in connection with random
  // digits, 1951): a logarithm would differ in the last bit between machines.
  double Exponential() {
    for (double whole = 0;; ++whole) {
      const uint64_t first = Next();
      uint64_t last = first;
      bool odd = true;
      for (uint64_t next = Next(); next < last; next = Next()) {
        last = next;
        odd = !odd;
      }
      if (odd) return whole + static_cast<double>(first >> 11) * 0x1p-53;
    }
  }

 private:
  uint64_t state_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_RANDOM_H_
