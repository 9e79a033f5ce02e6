// Writes the seeds of the fuzz targets, a handful for each, made by the encoders themselves.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/record/run_record.h"
#include "daemon/transport/shm/layout.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/handshake.h"
#include "daemon/wire/specs.h"
#include "events/payloads/sample.h"
#include "loadgen/trace/cloud_events.h"
#include "tests/analysis/sample_record.h"
#include "tests/events/encoded_event.h"

namespace routebench {
namespace {

class Corpus {
 public:
  Corpus(std::filesystem::path root, std::string_view target) : folder_(std::move(root) / target) {
    std::filesystem::create_directories(folder_);
  }
  void Add(std::string_view name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path folder_;
};

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Event MakeEvent(EventKind kind, size_t body, bool with_attributes) {
  Event event;
  event.header = {
      .id = {1, 2}, .sequence = 3, .created = FromNanos(1'000), .due = FromNanos(900), .kind = kind};
  if (with_attributes) {
    event.attributes =
        std::make_shared<const Attributes>(Attributes{.source = {"sensor", "probe", "7"},
                                                      .targets = {"store", "mirror"},
                                                      .custom_name = "sample",
                                                      .content_type = "text/plain",
                                                      .metadata = {{"tenant", "a"}, {"zone", ""}}});
  }
  if (body > 0) event.payload = *SamplePayload(kind, std::max(body, SmallestSample(kind)), 1);
  return event;
}

void MakeFrames(const std::filesystem::path& root) {
  const Corpus corpus(root, "frame_reader");
  const auto head = [](uint16_t first, uint16_t limit, uint16_t read, std::string_view sizes) {
    return Raw(first) + Raw(limit) + Raw(read) + Raw(static_cast<uint8_t>(sizes.size())) + std::string(sizes);
  };
  std::string frames;
  for (const size_t size : {5, 0, 100, 33, 300})
    frames += Raw(static_cast<uint32_t>(size)) + std::string(size, 'f');
  corpus.Add("whole", head(64, 1000, 511, "") + frames);
  corpus.Add("in_pieces", head(64, 1000, 1, std::string("\x00\x02\x10", 3)) + frames);
  corpus.Add("half_a_frame", head(64, 1000, 16, "\x07") + frames.substr(0, frames.size() - 50));
  corpus.Add("too_long", head(64, 200, 16, "\x20") + frames);
  corpus.Add("a_long_greeting", head(4, 1000, 16, "") + frames);
}

// The steps of tests/fuzz/shm_ring.cc.
void MakeRings(const std::filesystem::path& root) {
  namespace shm = transport::shm;
  const Corpus corpus(root, "shm_ring");
  const std::string reading = Raw(uint8_t{1});
  const auto write = [](uint16_t size) {
    return Raw(uint8_t{4}) + Raw(static_cast<uint16_t>(size - 1)) + "w";
  };
  const auto read = [](uint16_t size) { return Raw(uint8_t{7}) + Raw(static_cast<uint16_t>(size - 1)); };
  const std::string ask = Raw(uint8_t{6});
  const auto tail = [](uint16_t records) { return Raw(uint8_t{0}) + Raw(uint8_t{1}) + Raw(records); };
  const auto header = [](uint8_t sequence, uint16_t length, uint16_t record) {
    return Raw(uint8_t{1}) + Raw(uint8_t{7}) + Raw(sequence) + Raw(length) + Raw(uint8_t{1}) + Raw(record);
  };
  corpus.Add("in_order", reading + write(100) + read(40) + ask + read(4000) + ask + write(1) + read(1));
  std::string around = reading;
  for (int i = 0; i < 12; ++i) around += write(900) + read(2000);
  corpus.Add("around_the_end", around);
  corpus.Add("full", reading + write(4096) + write(4096) + ask + read(8192) + write(4096));
  corpus.Add("a_forged_record", reading + header(1, 32, 0) + tail(3) + read(100) + ask);
  corpus.Add("two_forged_records",
             reading + header(1, 16, 0) + header(2, 300, 2) + tail(40) + read(10) + read(400));
  corpus.Add("a_tail_too_far", reading + tail(5000) + read(1) + ask + read(1));
  const std::string writing = Raw(uint8_t{0});
  const auto put = [](uint16_t size) { return Raw(uint8_t{3}) + Raw(static_cast<uint16_t>(size - 1)); };
  const auto head = [](uint16_t records) { return Raw(uint8_t{0}) + Raw(uint8_t{1}) + Raw(records); };
  const std::string room = Raw(uint8_t{2});
  corpus.Add("heads_in_order",
             writing + put(1000) + put(5000) + room + head(100) + room + put(2000) + head(60) + put(9));
  corpus.Add("a_head_too_far", writing + put(1000) + head(999) + room + put(5000) + put(1));
}

void MakeGreetings(const std::filesystem::path& root) {
  const Corpus corpus(root, "shm_greeting");
  // Wanted descriptors less one, how many there are, which, what is wrong, an epoch, the length.
  const auto bytes = [](std::initializer_list<int> values) {
    std::string all;
    for (const int value : values) all.push_back(static_cast<char>(value));
    return all;
  };
  corpus.Add("dialler", bytes({1, 2, 0, 1, 0, 7, 0}));
  corpus.Add("answer", bytes({0, 1, 0, 0, 7, 0}));
  corpus.Add("no_memory", bytes({0, 0, 8, 7, 0}));
  corpus.Add("not_sealed", bytes({1, 2, 3, 1, 0, 7, 0}));
  corpus.Add("other_kinds", bytes({1, 2, 11, 8, 0, 7, 0}));
  corpus.Add("too_many", bytes({0, 4, 0, 1, 10, 12, 0, 7, 0}));
  corpus.Add("another_size", bytes({0, 1, 0, 4, 7, 0, 32, 0, 0, 0, 0, 0, 0, 0}));
  corpus.Add("half", bytes({1, 2, 0, 1, 0, 7, 1, 15}));
}

void MakeHandshakes(const std::filesystem::path& root) {
  const Corpus corpus(root, "handshake");
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello({"a boot", "a namespace"}, "loadgen", true);
  control.mutable_hello()->set_pid(1);
  corpus.Add("let_in", control.SerializeAsString());
  control.mutable_hello()->set_token("0123456789abcdef");
  corpus.Add("with_a_token", control.SerializeAsString());
  control.mutable_hello()->set_boot_id("another boot");
  corpus.Add("another_boot", control.SerializeAsString());
  control.mutable_hello()->set_version(99);
  corpus.Add("another_version", control.SerializeAsString());
}

Filter MakeFilter() {
  return {.kinds = KindSet::Of(Category::kMcp),
          .priorities = PrioritySet().With(Priority::kLow),
          .sources = {{"a", "b", "c"}},
          .max_body_bytes = 100,
          .metadata = {{"k", "v"}},
          .expression = "size < 5"};
}

void MakeClientControls(const Corpus& corpus) {
  const auto add = [&](std::string_view name, const wire::ClientControl& control) {
    corpus.Add(name, Raw(uint8_t{0}) + control.SerializeAsString());
  };
  wire::ClientControl control;
  control.set_request(5);
  wire::Store(ServiceSpec{.id = "s",
                          .type = "t",
                          .instance = "i",
                          .priority = -5,
                          .weight = 0.25,
                          .filters = {MakeFilter(), {}},
                          .metadata = {{"zone", "west"}},
                          .breaker = CircuitBreakerOptions()},
              control.mutable_register_service());
  add("register", control);
  wire::Store(SubscriptionSpec{.service = "s",
                               .filters = {MakeFilter()},
                               .guarantee = Guarantee::kAtLeastOnce,
                               .name = "n",
                               .retry = BackoffOptions()},
              control.mutable_subscribe());
  add("subscribe", control);
  wire::Store(
      routebench::Rule{.id = "r",
                       .name = "n",
                       .filter = MakeFilter(),
                       .targets = {"a", "b"},
                       .conditions = {.window = DailyWindow{std::chrono::hours(22), std::chrono::hours(6)},
                                      .expression = "age > 1s",
                                      .max_load = 0.5,
                                      .health = {Health::kDegraded}}},
      control.mutable_add_rule());
  add("add_rule", control);
  wire::Store(ServiceQuery{.type = "t", .capability = EventKind::kCustom}, control.mutable_list_services());
  add("list_services", control);
  control.mutable_set_health()->set_service("s");
  add("set_health", control);
  const std::string event = EncodeEvent(MakeEvent(EventKind::kCustom, 0, true));
  control.mutable_explain()->set_header(event.substr(0, kEncodedHeaderSize));
  control.mutable_explain()->set_attributes(event.substr(kEncodedHeaderSize));
  add("explain", control);
}

void MakeBrokerControls(const Corpus& corpus) {
  const auto add = [&](std::string_view name, const wire::BrokerControl& control) {
    corpus.Add(name, Raw(uint8_t{1}) + control.SerializeAsString());
  };
  const routebench::ServiceState state = {.spec = {.id = "s", .filters = {MakeFilter()}},
                                          .health = Health::kDegraded};
  wire::BrokerControl control;
  routebench::ServiceChange change;
  change.sequence = 3;
  change.state = std::make_shared<const routebench::ServiceState>(state);
  wire::Store(change, control.mutable_change());
  add("change", control);
  RouterStatistics statistics;
  statistics.books.routed = 7;
  statistics.subscriptions.push_back({});
  statistics.services.push_back({});
  statistics.rules.push_back({"r", 4});
  wire::Store(statistics, control.mutable_reply()->mutable_statistics());
  add("statistics", control);
  routebench::Explanation explanation;
  explanation.subscriptions = {{7, "a", Reason::kRuled, "r"}};
  explanation.rules = {{"r", RuleReason::kGivesReceivers}};
  explanation.picked = "a";
  wire::Store(explanation, control.mutable_reply()->mutable_explanation());
  wire::Store(state, control.mutable_reply()->mutable_services()->add_services());
  add("explanation", control);
  control.mutable_refused()->set_error("version");
  add("refused", control);
}

void MakeEvents(const std::filesystem::path& root) {
  const Corpus corpus(root, "event");
  corpus.Add("empty", EncodeEvent(MakeEvent(EventKind::kCustom, 0, false)));
  corpus.Add("bytes", EncodeEvent(MakeEvent(EventKind::kCustom, 40, true)));
  for (const EventKind kind : {EventKind::kFileBatch, EventKind::kFileMoved, EventKind::kRecordUpdated,
                               EventKind::kToolCall, EventKind::kToolResponse, EventKind::kStreamBytes}) {
    corpus.Add(Name(kind), EncodeEvent(MakeEvent(kind, 200, kind == EventKind::kToolCall)));
  }
}

void MakeExpressions(const std::filesystem::path& root) {
  const Corpus corpus(root, "filter_expression");
  const std::vector<std::string> expressions = {
      "category = filesystem and not metadata.tenant in (a, b)",
      "source.id = 'sensor' or source.type starts with \"pro\"",
      "size between 1KiB and 2MiB and age < 5s",
      "kind matches 'file\\..*' and custom_name matches '^a+b?[c-e]{1,3}$'",
      "priority <= high and attempt > 1 and target exists",
      "(metadata.zone contains x or content_type ends with json) and correlation exists",
      "id != '00000000-0000-0000-0000-000000000001'",
  };
  const std::string values(
      "\n\x00\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x01\x06sensor\x05probe\x01x\x00\x06sample"
      "\x01\x05store\x01\x06tenant\x01"
      "a",
      53);
  int number = 0;
  for (const std::string& expression : expressions) {
    corpus.Add("expression" + std::to_string(++number), expression + values);
  }
}

void MakeTraceLines(const std::filesystem::path& root) {
  const Corpus corpus(root, "trace_line");
  const auto add = [&](std::string_view name, Event event) {
    auto attributes = AttributesOf(event);
    attributes.targets.clear();
    if (event.header.kind != EventKind::kCustom) attributes.custom_name = attributes.content_type = "";
    event.attributes = std::make_shared<const Attributes>(std::move(attributes));
    corpus.Add(name, loadgen::ToCloudEvent({.unix_ns = 1'700'000'000'123'456'789, .event = event}).value());
  };
  add("bytes", MakeEvent(EventKind::kCustom, 40, true));
  for (const EventKind kind : {EventKind::kFileBatch, EventKind::kFileMoved, EventKind::kRecordUpdated,
                               EventKind::kToolCall, EventKind::kStreamBytes}) {
    add(Name(kind), MakeEvent(kind, 200, true));
  }
  corpus.Add(
      "of_somebody_else",
      R"({"specversion":"1.0","id":"1","source":"/s","type":"com.example.t","time":"2026-01-31T12:00:00Z",)"
      R"("n":5,"b":true,"nothing":null,"data":{"a":[1,2.5,"x"]}})");
}

void MakeRecords(const std::filesystem::path& root) {
  const Corpus corpus(root, "run_record");
  const auto record = testing::MakeRecord({.events = 20, .lost = 2});
  corpus.Add("file", Raw(uint8_t{0}) + record::EncodeRunRecord(record));
  corpus.Add("content", Raw(uint8_t{1}) + record.SerializeAsString());
  record::RunRecord least;
  least.mutable_plan()->set_backend("coordinator");
  corpus.Add("least", Raw(uint8_t{1}) + least.SerializeAsString());
}

}  // namespace
}  // namespace routebench

int main(int argc, char** argv) {
  using namespace routebench;
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS\n";
    return 64;
  }
  const std::filesystem::path root = argv[1];
  MakeFrames(root);
  MakeRings(root);
  MakeGreetings(root);
  MakeHandshakes(root);
  MakeClientControls(Corpus(root, "control"));
  MakeBrokerControls(Corpus(root, "control"));
  MakeEvents(root);
  MakeExpressions(root);
  MakeTraceLines(root);
  MakeRecords(root);
  return 0;
}
