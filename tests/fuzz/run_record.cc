// A run record: a whole file, or, with a first byte that is odd, the content of one, to which the right
// length and checksum are added. What is accepted can be read out in every form, and survives being written.
#include <google/protobuf/stubs/logging.h>

#include <string>

#include "analysis/record/json.h"
#include "analysis/record/metrics.h"
#include "analysis/record/run_record.h"
#include "analysis/record/summary.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::record;
  using routebench::fuzz::Require;
  const google::protobuf::LogSilencer quiet;
  routebench::fuzz::Input input(data, size);
  const bool content = input.Byte() % 2 == 1;
  std::string bytes(input.Rest());
  if (content) {
    RunRecord made;
    if (!made.ParseFromString(bytes)) return 0;
    bytes = EncodeRunRecord(made);
  }
  const auto record = DecodeRunRecord(bytes);
  if (!record.ok()) {
    Require(!record.status().message().empty(), "who is refused learns why");
    return 0;
  }
  const auto again = DecodeRunRecord(EncodeRunRecord(*record));
  Require(again.ok(), "what we write can be read");
  Require(again->SerializeAsString() == record->SerializeAsString(), "and says the same");
  for (const Metric& metric : MetricsOf(*record)) {
    Require(metric.value.has_value() != !metric.absence.empty(), "a figure is there, or why it is not");
  }
  for (const std::string& category : CategoriesOf(*record)) MetricsOf(*record, category);
  InvalidReasons(*record);
  RunToJson(*record);
  RenderSummary(*record);
  return 0;
}
