#include "loadgen/fleet.h"

#include "loadgen/backend_factory.h"
#include "loadgen/pacer.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {

Fleet::Fleet(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus, uint32_t first,
             const std::vector<Seat>& seats)
    : pacer_(plan.pacer()), addresses_(plan, schedule, corpus), seats_(seats) {
  const ReceiverCounts receivers = Delivers(plan.backend()) ? ReceiversByKind(plan) : ReceiverCounts();
  Sending sending;
  sending.addresses = &addresses_;
  sending.time_to_live = Duration(static_cast<int64_t>(plan.expire_after_ns()));
  if (plan.subscription().attempts() > 0)
    sending.max_attempts = static_cast<uint8_t>(plan.subscription().attempts());
  for (size_t i = 0; i < seats.size(); ++i) {
    sending.asker = seats[i].asker;
    publishers_.emplace_back(*seats[i].router, schedule, corpus, static_cast<uint16_t>(first + i),
                             Clock::System(), seats[i].outstanding, receivers, sending);
  }
}

void Fleet::Start(TimePoint start) {
  running_.store(publishers_.size());
  for (Publisher& publisher : publishers_) {
    threads_.emplace_back([this, &publisher, start] {
      // The name was checked with the options.
      publisher.Run(start, *MakePacer(pacer_).value(), stop_);
      running_.fetch_sub(1);
      running_.notify_all();
      dismissed_.wait(false);
    });
  }
}

uint64_t Fleet::sent() const {
  uint64_t sum = 0;
  for (const Publisher& publisher : publishers_) sum += publisher.sent();
  return sum;
}

void Fleet::StopSending() {
  stop_.store(true);
  for (const Seat& seat : seats_) {
    if (seat.outstanding != nullptr) seat.outstanding->Release();
  }
  for (size_t left = running_.load(); left > 0; left = running_.load()) running_.wait(left);
}

void Fleet::Dismiss() {
  StopSending();
  dismissed_.store(true);
  dismissed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

OfferResults Fleet::Results(size_t phases) const {
  OfferResults all(phases);
  for (const Publisher& publisher : publishers_) all.Merge(publisher.results());
  return all;
}

}  // namespace routebench::loadgen
