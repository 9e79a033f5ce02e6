// Publishers in this process.
#ifndef ROUTEBENCH_LOADGEN_LOCAL_LOAD_H_
#define ROUTEBENCH_LOADGEN_LOCAL_LOAD_H_

#include <optional>
#include <vector>

#include "loadgen/fleet.h"
#include "loadgen/input.h"
#include "loadgen/load.h"

namespace routebench::loadgen {

// Borrows everything it is given. Publishers may share a backend.
class LocalLoad final : public Load {
 public:
  // One publisher for each of `seats`, from number `first` on, over `backends`.
  LocalLoad(const record::RunPlan& plan, const Input& input, uint32_t first, std::vector<Seat> seats,
            std::vector<Backend*> backends);

  void Start(TimePoint start) override { fleet_.Start(start); }
  Progress progress() override;
  void BeginMeasuredPart() override { before_ = wire_bytes(); }
  void StopSending() override { fleet_.StopSending(); }
  absl::Status Drain(Duration deadline) override;
  void Dismiss() override { fleet_.Dismiss(); }
  absl::StatusOr<LoadResults> Finish() override;

 private:
  std::optional<WireBytes> wire_bytes() const;

  const size_t phases_;
  const std::vector<Seat> seats_;
  const std::vector<Backend*> backends_;
  Fleet fleet_;
  std::optional<WireBytes> before_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_LOCAL_LOAD_H_
