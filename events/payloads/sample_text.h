// Text and numbers that look like those of a real body, of an exact length, from a seed.
//
// Own generator and own distributions: those of the standard library differ between implementations, and a
// sample must be the same on every machine.
#ifndef ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_TEXT_H_
#define ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace routebench {

// splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). Not thread-safe.
class SampleRandom {
 public:
  explicit SampleRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // In [low, high], with a bias below 2^-32 for the small ranges used here.
  uint64_t Between(uint64_t low, uint64_t high) { return low + Next() % (high - low + 1); }

 private:
  uint64_t state_;
};

enum class TextStyle : uint8_t {
  kName,     // "order_index"
  kWords,    // "cache holds the oldest page. ..."
  kPath,     // "/var/lib/index/page.log"
  kUri,      // "file:///srv/..."
  kHex,      // "09af..."
  kVersion,  // "4.12.7"
  kAddress,  // "10.112.163.141"
  kMethod,   // "POST"
  kMime,     // "text/plain"
  kSql,      // "UPDATE orders SET ..."
  kJson,     // one JSON object, valid from 8 bytes on
  kBinary,   // any bytes
};

// Exactly `length` bytes. ASCII without NUL, except kBinary.
std::string SampleText(TextStyle style, size_t length, SampleRandom& random);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_TEXT_H_
