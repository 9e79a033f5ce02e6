#include "loadgen/probe.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "events/payloads/read_fields.h"

namespace routebench::loadgen {
namespace {

std::atomic<uint64_t> next_run{1};

bool IsTriedAgain(const EventHeader& header, Verdict verdict) {
  return verdict == Verdict::kRetry && header.attempt < header.max_attempts;
}

}  // namespace

void ArrivalCell::Merge(const ArrivalCell& other) {
  delivered += other.delivered;
  response.Merge(other.response);
  service.Merge(other.service);
}

void ArrivalResults::Merge(const ArrivalResults& other) {
  cells.Merge(other.cells);
  delivered += other.delivered;
  rejected += other.rejected;
  dead_lettered += other.dead_lettered;
  late += other.late;
  handed += other.handed;
  retries += other.retries;
  unfinished += other.unfinished;
  responses += other.responses;
  out_of_order += other.out_of_order;
  duplicates += other.duplicates;
  foreign += other.foreign;
  stages.Merge(other.stages);
}

struct alignas(128) Probes::Recorder {
  Recorder(size_t phases, uint64_t number) : results(phases) {
    results.stages = StageSamples(number);
    results.stages.Reserve();
  }
  ArrivalResults results;
  std::atomic<uint64_t> delivered{0};
  uint64_t digest = 0;  // of everything read, so that the reading cannot be left out
};

class Probes::Order {
 public:
  Order(size_t publishers, QueueOrder order, const Behaviour& behaviour)
      : in_order_(behaviour.concurrency == 1),
        may_time_out_(behaviour.delivery_timeout > Duration::zero() && behaviour.attempts > 0),
        remembers_all_(!in_order_ || may_time_out_),
        streams_of_each_(order == QueueOrder::kPriority ? kPriorityCount : 1),
        streams_(publishers * streams_of_each_) {}

  void Note(const EventHeader& header, ArrivalResults& results) {
    const bool first = header.attempt <= 1;
    bool duplicate = false;
    if (first && in_order_) {
      const Place place = NoteSequence(header);
      results.out_of_order += place == Place::kBehind ? 1 : 0;
      duplicate = place == Place::kAgain;
    }
    if (!first || remembers_all_) duplicate = !NoteAttempt(header);
    results.duplicates += duplicate ? 1 : 0;
  }

  // This attempt has failed, and there will be another one.
  void ExpectAnother(const EventHeader& header) {
    MutexLock lock(mutex_);
    Seen& seen = seen_[KeyOf(header)];
    seen.attempt = header.attempt;
    seen.returns = seen.failed = true;
  }

  // False: it was acknowledged before, by an attempt that was too late for the router.
  bool NoteDelivered(const EventHeader& header) {
    if (!may_time_out_) return true;
    MutexLock lock(mutex_);
    return !std::exchange(seen_[KeyOf(header)].delivered, true);
  }

  uint64_t unfinished() const {
    MutexLock lock(mutex_);
    uint64_t count = 0;
    for (const auto& [key, seen] : seen_) count += seen.failed ? 1 : 0;
    return count;
  }

 private:
  enum class Place { kNext, kBehind, kAgain };

  // Like the window against replays of RFC 4303, appendix A2.
  Place NoteSequence(const EventHeader& header) {
    const size_t stream = streams_of_each_ == 1 ? 0 : static_cast<size_t>(header.priority);
    Stream& seen = streams_[(header.publisher - size_t{1}) * streams_of_each_ + stream];
    if (header.sequence > seen.last) {
      const uint64_t step = header.sequence - seen.last;
      seen.recent = step < kWindow ? seen.recent << step | 1 : 1;
      seen.last = header.sequence;
      return Place::kNext;
    }
    const uint64_t back = seen.last - header.sequence;
    const uint64_t bit = back < kWindow ? uint64_t{1} << back : 0;
    const bool again = (seen.recent & bit) != 0;
    seen.recent |= bit;
    return again ? Place::kAgain : Place::kBehind;
  }

  // False: nothing asked for this attempt.
  bool NoteAttempt(const EventHeader& header) {
    MutexLock lock(mutex_);
    const auto [entry, is_new] = seen_.try_emplace(KeyOf(header));
    Seen& seen = entry->second;
    const bool expected = header.attempt <= 1 ? is_new : seen.returns && header.attempt == seen.attempt + 1;
    seen = {
        .attempt = header.attempt, .returns = may_time_out_, .failed = false, .delivered = seen.delivered};
    if (!remembers_all_) seen_.erase(entry);
    return expected;
  }

  static uint64_t KeyOf(const EventHeader& header) {
    return uint64_t{header.publisher} << 40 | header.sequence;
  }

  static constexpr uint64_t kWindow = 64;
  struct Stream {
    uint64_t last = 0;
    uint64_t recent = 0;  // bit b: `last - b` has been seen
  };
  struct Seen {
    uint8_t attempt = 0;     // the latest
    bool returns = false;    // another one may come
    bool failed = false;     // and it must, unless the event ends otherwise
    bool delivered = false;  // and counted
  };

  const bool in_order_;
  const bool may_time_out_;       // and be tried again, whatever the handler says of it
  const bool remembers_all_;      // otherwise what has failed, until it comes again
  const size_t streams_of_each_;  // publisher
  std::vector<Stream> streams_;   // used by one handler at a time
  mutable Mutex mutex_;
  absl::flat_hash_map<uint64_t, Seen> seen_ ABSL_GUARDED_BY(mutex_);
};

Probes::Probes(const Schedule& schedule, uint32_t publishers, QueueOrder order, uint32_t threads,
               const Clock& clock, Behaviour behaviour)
    : run_(next_run.fetch_add(1)),
      clock_(clock),
      order_(order),
      behaviour_(std::move(behaviour)),
      phase_count_(schedule.phases.size()),
      phase_of_(publishers) {
  for (const PlannedEvent& planned : schedule.events) phase_of_[planned.publisher].push_back(planned.phase);
  MutexLock lock(mutex_);
  for (uint32_t i = 0; i < threads; ++i) recorders_.push_back(std::make_unique<Recorder>(phase_count_, i));
}

Probes::~Probes() = default;

Probes::Recorder& Probes::ForThisThread() {
  thread_local uint64_t of_run = 0;
  thread_local Recorder* recorder = nullptr;
  if (of_run != run_) {
    MutexLock lock(mutex_);
    if (taken_ == recorders_.size()) recorders_.push_back(std::make_unique<Recorder>(phase_count_, taken_));
    recorder = recorders_[taken_++].get();
    of_run = run_;
  }
  return *recorder;
}

Handler Probes::MakeHandler() {
  MutexLock lock(mutex_);
  Order* const order =
      orders_.emplace_back(std::make_unique<Order>(phase_of_.size(), order_, behaviour_)).get();
  return [this, order](Delivery& delivery) { return OnEvent(*order, delivery.event(), delivery.stages()); };
}

Verdict Probes::OnEvent(Order& order, const Event& event, const StageStamps* stages) {
  const TimePoint now = stages == nullptr ? clock_.Now() : stages->of(StageMark::kHandled);
  Recorder& recorder = ForThisThread();
  ArrivalResults& results = recorder.results;
  recorder.digest += ReadFields(event.header.kind, event.payload);
  const EventHeader& header = event.header;
  const size_t publisher = header.publisher - size_t{1};
  if (publisher >= phase_of_.size() || header.sequence == 0 ||
      header.sequence > phase_of_[publisher].size()) {
    ++results.foreign;
    return Verdict::kAck;
  }
  order.Note(header, results);
  ++results.handed;
  results.retries += header.attempt > 1 ? 1 : 0;
  behaviour_.SpendTime(clock_);
  const bool failed = behaviour_.Fails(header);
  Verdict verdict = behaviour_.VerdictOf(failed);
  if (behaviour_.respond != nullptr && !IsTriedAgain(header, verdict)) {
    if (behaviour_.respond(event, failed)) {
      ++results.responses;
    } else {
      verdict = Verdict::kReject;
    }
  }
  Settle(order, header, verdict, now, stages, results);
  recorder.delivered.store(results.delivered, std::memory_order_release);
  return verdict;
}

void Probes::Settle(Order& order, const EventHeader& header, Verdict verdict, TimePoint arrival,
                    const StageStamps* stages, ArrivalResults& results) {
  if (behaviour_.delivery_timeout > Duration::zero() &&
      clock_.Now() - arrival >= behaviour_.delivery_timeout) {
    ++results.late;
  } else if (IsTriedAgain(header, verdict)) {
    order.ExpectAnother(header);
  } else if (verdict != Verdict::kAck) {
    ++(verdict == Verdict::kRetry ? results.dead_lettered : results.rejected);
  } else if (order.NoteDelivered(header)) {
    const uint8_t phase = phase_of_[header.publisher - 1][header.sequence - 1];
    ArrivalCell& cell = results.cells.At(phase, CategoryOf(header.kind));
    ++cell.delivered;
    cell.response.Record((arrival - header.due).count());
    cell.service.Record((arrival - header.created).count());
    ++results.delivered;
    if (stages != nullptr) results.stages.Add(*stages, header, arrival, phase > 0);
  }
}

ArrivalResults Probes::Results() const {
  ArrivalResults all(phase_count_);
  MutexLock lock(mutex_);
  for (const auto& recorder : recorders_) {
    recorder->delivered.load(std::memory_order_acquire);
    all.Merge(recorder->results);
  }
  for (const auto& order : orders_) all.unfinished += order->unfinished();
  return all;
}

uint64_t Probes::delivered() const {
  MutexLock lock(mutex_);
  uint64_t sum = 0;
  for (const auto& recorder : recorders_) sum += recorder->delivered.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace routebench::loadgen
