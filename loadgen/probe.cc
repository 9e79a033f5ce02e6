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

struct Probes::Order {
  explicit Order(size_t publishers) : last(publishers) {}
  std::vector<uint64_t> last;  // sequence by publisher
};

Probes::Probes(const Schedule& schedule, uint32_t publishers, const Clock& clock)
    : run_(next_run.fetch_add(1)),
      clock_(clock),
      phase_count_(schedule.phases.size()),
      phase_of_(publishers) {
  for (const PlannedEvent& planned : schedule.events) phase_of_[planned.publisher].push_back(planned.phase);
}

Probes::~Probes() = default;

Probes::Recorder& Probes::ForThisThread() {
  thread_local uint64_t of_run = 0;
  thread_local Recorder* recorder = nullptr;
  if (of_run != run_) {
    MutexLock lock(mutex_);
    recorder = recorders_.emplace_back(std::make_unique<Recorder>(phase_count_)).get();
    of_run = run_;
  }
  return *recorder;
}

Handler Probes::MakeHandler() {
  MutexLock lock(mutex_);
  Order* const order = orders_.emplace_back(std::make_unique<Order>(phase_of_.size())).get();
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
  uint64_t& last = order.last[publisher];
  if (header.sequence <= last) {
    ++(header.sequence == last ? results.duplicates : results.out_of_order);
  } else {
    last = header.sequence;
  }
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
