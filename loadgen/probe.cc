#include "loadgen/probe.h"

#include "events/payloads/read_fields.h"

namespace routebench::loadgen {
namespace {

std::atomic<uint64_t> next_run{1};

}  // namespace

void ArrivalCell::Merge(const ArrivalCell& other) {
  delivered += other.delivered;
  response.Merge(other.response);
  service.Merge(other.service);
}

void ArrivalResults::Merge(const ArrivalResults& other) {
  cells.Merge(other.cells);
  delivered += other.delivered;
  out_of_order += other.out_of_order;
  duplicates += other.duplicates;
  foreign += other.foreign;
}

struct alignas(128) Probes::Recorder {
  explicit Recorder(size_t phases) : results(phases) {}
  ArrivalResults results;
  std::atomic<uint64_t> delivered{0};
  uint64_t digest = 0;  // of everything read, so that the reading cannot be left out
};

// Like the window against replays of RFC 4303, appendix A2.
class Probes::Order {
 public:
  Order(size_t publishers, QueueOrder order)
      : streams_of_each_(order == QueueOrder::kPriority ? kPriorityCount : 1),
        streams_(publishers * streams_of_each_) {}

  void Note(size_t publisher, const EventHeader& header, ArrivalResults& results) {
    const size_t stream = streams_of_each_ == 1 ? 0 : static_cast<size_t>(header.priority);
    Stream& seen = streams_[publisher * streams_of_each_ + stream];
    if (header.sequence > seen.last) {
      const uint64_t step = header.sequence - seen.last;
      seen.recent = step < kWindow ? seen.recent << step | 1 : 1;
      seen.last = header.sequence;
      return;
    }
    const uint64_t back = seen.last - header.sequence;
    const uint64_t bit = back < kWindow ? uint64_t{1} << back : 0;
    ++((seen.recent & bit) != 0 ? results.duplicates : results.out_of_order);
    seen.recent |= bit;
  }

 private:
  static constexpr uint64_t kWindow = 64;
  struct Stream {
    uint64_t last = 0;
    uint64_t recent = 0;  // bit b: `last - b` has been seen
  };
  const size_t streams_of_each_;  // publisher
  std::vector<Stream> streams_;
};

Probes::Probes(const Schedule& schedule, uint32_t publishers, QueueOrder order, uint32_t threads,
               const Clock& clock)
    : run_(next_run.fetch_add(1)),
      clock_(clock),
      order_(order),
      phase_count_(schedule.phases.size()),
      phase_of_(publishers) {
  for (const PlannedEvent& planned : schedule.events) phase_of_[planned.publisher].push_back(planned.phase);
  MutexLock lock(mutex_);
  for (uint32_t i = 0; i < threads; ++i) recorders_.push_back(std::make_unique<Recorder>(phase_count_));
}

Probes::~Probes() = default;

Probes::Recorder& Probes::ForThisThread() {
  thread_local uint64_t of_run = 0;
  thread_local Recorder* recorder = nullptr;
  if (of_run != run_) {
    MutexLock lock(mutex_);
    if (taken_ == recorders_.size()) recorders_.push_back(std::make_unique<Recorder>(phase_count_));
    recorder = recorders_[taken_++].get();
    of_run = run_;
  }
  return *recorder;
}

Handler Probes::MakeHandler() {
  MutexLock lock(mutex_);
  Order* const order = orders_.emplace_back(std::make_unique<Order>(phase_of_.size(), order_)).get();
  return [this, order](Delivery& delivery) { return OnEvent(*order, delivery.event()); };
}

Verdict Probes::OnEvent(Order& order, const Event& event) {
  const TimePoint now = clock_.Now();
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
  order.Note(publisher, header, results);
  ArrivalCell& cell = results.cells.At(phase_of_[publisher][header.sequence - 1], CategoryOf(header.kind));
  ++cell.delivered;
  cell.response.Record((now - header.due).count());
  cell.service.Record((now - header.created).count());
  recorder.delivered.store(++results.delivered, std::memory_order_release);
  return Verdict::kAck;
}

ArrivalResults Probes::Results() const {
  ArrivalResults all(phase_count_);
  MutexLock lock(mutex_);
  for (const auto& recorder : recorders_) {
    recorder->delivered.load(std::memory_order_acquire);
    all.Merge(recorder->results);
  }
  return all;
}

uint64_t Probes::delivered() const {
  MutexLock lock(mutex_);
  uint64_t sum = 0;
  for (const auto& recorder : recorders_) sum += recorder->delivered.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace routebench::loadgen
