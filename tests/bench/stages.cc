// What the stage clock costs: off, of one event in 128, of every event, with hooks that do nothing; in paired
// blocks, so that a machine that drifts slows all of them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/data_coordinator.h"
#include "daemon/client/daemon_client.h"
#include "events/payloads/read_fields.h"
#include "events/stages.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/scale.h"
#include "tests/daemon/hosted_daemon.h"

namespace routebench::bench {
namespace {

constexpr size_t kBodyBytes = 512;
constexpr size_t kCapacity = 16'384;

class IdleHooks final : public StageHooks {
 public:
  void Pass(StageMark) override {}
};

struct Setting {
  const char* name;
  uint32_t one_in;
  bool hooks;
};
constexpr Setting kSettings[] = {
    {"off", 0, false}, {"1 in 128", 128, false}, {"1 in 1", 1, false}, {"off, hooks", 0, true}};
constexpr size_t kSettingCount = std::size(kSettings);

struct Cost {
  double wall_ns = 0;  // per event
  double cpu_ns = 0;   // per event, all threads
};

double CpuNanos() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// One way from `publisher` to a reader at `subscriber`.
Cost Measure(EventRouter& publisher, EventRouter& subscriber, uint64_t events) {
  std::atomic<uint64_t> received{0};
  if (!subscriber.Register({.id = "reader"}).ok()) std::abort();
  uint64_t sum = 0;
  const auto subscription =
      subscriber.Subscribe({.service = "reader", .capacity = kCapacity}, [&](Delivery& delivery) {
        sum += delivery.event().payload.bytes().size();
        if (delivery.stages() != nullptr && !delivery.stages()->monotone()) std::abort();
        if (received.fetch_add(1, std::memory_order_relaxed) + 1 == events) received.notify_one();
        return Verdict::kAck;
      });
  if (!subscription.ok()) std::abort();
  EventCorpus corpus(EventKind::kCustom, kBodyBytes);
  const double cpu = CpuNanos();
  const TimePoint start = std::chrono::steady_clock::now();
  for (uint64_t n = 0; n < events; ++n) {
    if (publisher.Publish(corpus.Next(start)) != PublishResult::kAccepted) std::abort();
  }
  for (uint64_t seen = received.load(); seen < events; seen = received.load()) received.wait(seen);
  const auto wall = static_cast<double>((std::chrono::steady_clock::now() - start).count());
  const double used = CpuNanos() - cpu;
  if (sum != events * kBodyBytes || !subscriber.Unsubscribe(*subscription).ok()) std::abort();
  return {wall / static_cast<double>(events), used / static_cast<double>(events)};
}

RouterOptions OptionsOf(const Setting& setting, IdleHooks& hooks) {
  return {.handler_threads = 1,
          .stage_sampling = setting.one_in,
          .stage_hooks = setting.hooks ? &hooks : nullptr};
}

Cost MeasureCoordinator(const Setting& setting, uint64_t events) {
  IdleHooks hooks;
  DataCoordinator router(OptionsOf(setting, hooks));
  return Measure(router, router, events);
}

// The broker is a thread of this process, so that its time is counted, too.
Cost MeasureDaemon(const Setting& setting, uint64_t events) {
  IdleHooks hooks;
  daemon::BrokerOptions options;
  options.stage_hooks = setting.hooks ? &hooks : nullptr;
  testing::HostedDaemon daemon(std::move(options));
  const auto publisher = daemon.Connect(OptionsOf(setting, hooks));
  const auto subscriber = daemon.Connect(OptionsOf(setting, hooks));
  return Measure(*publisher, *subscriber, events);
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
}

void Compare(const char* name, const std::function<Cost(const Setting&, uint64_t)>& measure, uint64_t events,
             int blocks) {
  std::vector<double> wall[kSettingCount];
  std::vector<double> cpu[kSettingCount];
  std::vector<double> more[kSettingCount];  // CPU beside "off" of the same block
  for (int block = 0; block < blocks; ++block) {
    Cost costs[kSettingCount];
    for (size_t i = 0; i < kSettingCount; ++i) {
      const size_t k = block % 2 == 0 ? i : kSettingCount - 1 - i;
      costs[k] = measure(kSettings[k], events);
    }
    for (size_t k = 0; k < kSettingCount; ++k) {
      wall[k].push_back(costs[k].wall_ns);
      cpu[k].push_back(costs[k].cpu_ns);
      more[k].push_back(costs[k].cpu_ns - costs[0].cpu_ns);
    }
  }
  std::printf("%s, 512 plain bytes, %llu events, %d blocks; medians\n", name,
              static_cast<unsigned long long>(events), blocks);
  for (size_t k = 0; k < kSettingCount; ++k) {
    std::sort(more[k].begin(), more[k].end());
    std::printf(
        "  %-10s  %7.1f ns an event   CPU %7.1f ns   beside off %+6.1f ns (quartiles %+.1f to %+.1f)\n",
        kSettings[k].name, MedianOf(wall[k]), MedianOf(cpu[k]), MedianOf(more[k]),
        more[k][more[k].size() / 4], more[k][more[k].size() * 3 / 4]);
  }
}

}  // namespace
}  // namespace routebench::bench

int main() {
  using namespace routebench::bench;
  const int blocks = RepetitionsOr(10);
  Compare("coordinator", MeasureCoordinator, EventsOr(500'000), blocks);
  Compare("daemon (broker in a thread, unix)", MeasureDaemon, EventsOr(200'000), blocks);
  return 0;
}
