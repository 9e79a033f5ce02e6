// What this process holds of the system, for tests that it comes back to what it was.
#ifndef ROUTEBENCH_TESTS_DAEMON_HELD_H_
#define ROUTEBENCH_TESTS_DAEMON_HELD_H_

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace routebench::testing {

struct Held {
  size_t descriptors = 0;
  size_t segments = 0;  // mappings of shared memory
  friend bool operator==(const Held&, const Held&) = default;

  static Held Now() {
    Held held;
    const std::filesystem::directory_iterator all("/proc/self/fd");
    held.descriptors = static_cast<size_t>(std::distance(begin(all), end(all)));
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      held.segments += line.find("memfd:routebench") != std::string::npos ? 1 : 0;
    }
    return held;
  }
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_HELD_H_
