// The publishers of a run, each on a thread of its own.
#ifndef ROUTEBENCH_LOADGEN_FLEET_H_
#define ROUTEBENCH_LOADGEN_FLEET_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "analysis/record/run_record.h"
#include "loadgen/addresses.h"
#include "loadgen/asker.h"
#include "loadgen/corpus.h"
#include "loadgen/publisher.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// What one publisher publishes through.
struct Seat {
  EventRouter* router = nullptr;
  OutstandingLimit* outstanding = nullptr;  // null: open loop
  Asker* asker = nullptr;                   // null: events go one way
};

// Controlled by one thread. Borrows everything it is given.
class Fleet {
 public:
  // The publishers of the plan from number `first` on, one for each seat.
  Fleet(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus, uint32_t first,
        const std::vector<Seat>& seats);
  ~Fleet() { Dismiss(); }  // ends what still runs

  // Due times count from `start`.
  void Start(TimePoint start);
  bool running() const { return running_.load() > 0; }
  uint64_t sent() const;
  size_t finished() const { return publishers_.size() - running_.load(); }
  // Sends nothing more; blocks until the last call of Publish has returned.
  void StopSending();
  // After StopSending. Until then the threads stay, because the kernel's counters of a thread go with it.
  void Dismiss();
  // After StopSending.
  OfferResults Results(size_t phases) const;

 private:
  const std::string pacer_;
  const Addresses addresses_;
  const std::vector<Seat> seats_;
  std::deque<Publisher> publishers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> dismissed_{false};
  std::atomic<size_t> running_{0};
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_FLEET_H_
