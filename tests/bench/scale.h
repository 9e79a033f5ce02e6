// How much a benchmark does, where something else than time is counted.
#ifndef ROUTEBENCH_TESTS_BENCH_SCALE_H_
#define ROUTEBENCH_TESTS_BENCH_SCALE_H_

#include <cstdint>
#include <cstdlib>

namespace routebench::bench {

// The value of ROUTEBENCH_BENCH_EVENTS (tests/bench/instructions sets it), or 0.
inline uint64_t EventsToCount() {
  const char* const text = std::getenv("ROUTEBENCH_BENCH_EVENTS");
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}
inline uint64_t EventsOr(uint64_t usual) { return EventsToCount() == 0 ? usual : EventsToCount(); }
inline int RepetitionsOr(int usual) { return EventsToCount() == 0 ? usual : 1; }

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_SCALE_H_
