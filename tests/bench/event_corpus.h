// Typed events of one size, made before a benchmark starts.
#ifndef ROUTEBENCH_TESTS_BENCH_EVENT_CORPUS_H_
#define ROUTEBENCH_TESTS_BENCH_EVENT_CORPUS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "events/event.h"
#include "events/payloads/sample.h"

namespace routebench::bench {

// Events of `kind` with bodies of exactly `body_bytes`, handed out in rotation with fresh ids, sequences and
// times (the time of the call, unless the caller knows one).
class EventCorpus {
 public:
  EventCorpus(EventKind kind, size_t body_bytes) : EventCorpus(kind, kind, body_bytes) {}
  // With the bodies of another kind: those of kCustom are plain bytes, which any kind may have.
  EventCorpus(EventKind kind, EventKind body_kind, size_t body_bytes) : ids_(1) {
    auto attributes = std::make_shared<Attributes>();
    attributes->source = {.id = "bench-1", .type = "benchmark", .instance = "1"};
    if (kind == EventKind::kCustom) attributes->custom_name = "bench.bytes";
    for (uint64_t seed = 0; seed < kBodies; ++seed) {
      Event& event = events_.emplace_back();
      event.header.kind = kind;
      event.attributes = attributes;
      event.payload = SamplePayload(body_kind, body_bytes, seed).value();
    }
  }

  const Event& Next() { return Next(std::chrono::steady_clock::now()); }
  const Event& Next(TimePoint created) {
    ++sequence_;
    Event& event = events_[sequence_ % kBodies];
    event.header.id = ids_.Next();
    event.header.sequence = sequence_;
    event.header.created = event.header.due = created;
    return event;
  }

 private:
  static constexpr uint64_t kBodies = 256;
  std::vector<Event> events_;
  EventIdGenerator ids_;
  uint64_t sequence_ = 0;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_EVENT_CORPUS_H_
