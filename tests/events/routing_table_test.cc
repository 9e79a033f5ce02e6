#include "events/routing/routing_table.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EventHeader HeaderOf(EventKind kind, Priority priority = Priority::kNormal) {
  EventHeader header;
  header.kind = kind;
  header.priority = priority;
  return header;
}

TEST(RoutingTable, EmptyTableRoutesNothing) {
  Targets targets = {7};
  RoutingTable().Resolve(HeaderOf(EventKind::kFileCreated), {}, targets);
  EXPECT_THAT(targets, IsEmpty());
}

TEST(RoutingTable, SeveralMatchingFiltersGiveOneDelivery) {
  const RoutingTable table({{.target = 3,
                             .service = "a",
                             .supports = KindSet::All(),
                             .filters = {Filter{}, Filter{.kinds = KindSet::Of(Category::kDatabase)}}}});
  Targets targets;
  table.Resolve(HeaderOf(EventKind::kRecordCreated), {}, targets);
  EXPECT_THAT(targets, ElementsAre(3));
}

TEST(RoutingTable, PriorityOfOneAlternativeDoesNotWidenAnother) {
  const RoutingTable table({{.target = 0,
                             .service = "a",
                             .supports = KindSet::All(),
                             .filters = {Filter{.kinds = KindSet().With(EventKind::kToolCall),
                                                .priorities = PrioritySet().With(Priority::kLow)},
                                         Filter{.kinds = KindSet().With(EventKind::kToolError)}}}});
  Targets targets;
  table.Resolve(HeaderOf(EventKind::kToolCall, Priority::kHigh), {}, targets);
  EXPECT_THAT(targets, IsEmpty());
  table.Resolve(HeaderOf(EventKind::kToolError, Priority::kHigh), {}, targets);
  EXPECT_THAT(targets, ElementsAre(0));
}

TEST(RoutingTable, NamedTargetsReceiveOnceAndNobodyElse) {
  const RoutingTable table({{.target = 0, .service = "a", .supports = KindSet::All(), .filters = {}},
                            {.target = 1, .service = "b", .supports = KindSet::All(), .filters = {}},
                            {.target = 2, .service = "a", .supports = KindSet::All(), .filters = {}}});
  EventHeader header = HeaderOf(EventKind::kHealthCheck);
  header.addressing = Addressing::kToTargets;
  Targets targets;
  table.Resolve(header, std::vector<std::string>{"a", "nobody", "a"}, targets);
  EXPECT_THAT(targets, ElementsAre(0, 2));
}

// The oracle: scan every entry and every filter.
Targets NaiveResolve(const std::vector<RoutingTable::Entry>& entries, const EventHeader& header,
                     const std::vector<std::string>& named) {
  Targets targets;
  for (const RoutingTable::Entry& entry : entries) {
    const bool meant = header.addressing == Addressing::kToAll ||
                       std::find(named.begin(), named.end(), entry.service) != named.end();
    const bool wanted = entry.filters.empty() ||
                        std::any_of(entry.filters.begin(), entry.filters.end(),
                                    [&](const Filter& filter) { return filter.AdmitsHeader(header); });
    if (meant && wanted && entry.supports.Contains(header.kind)) targets.push_back(entry.target);
  }
  return targets;
}

TEST(RoutingTable, AgreesWithAListScanOnRandomTablesAndEvents) {
  std::mt19937_64 random(20260101);
  for (int round = 0; round < 200; ++round) {
    std::vector<RoutingTable::Entry> entries(random() % 30);
    for (size_t i = 0; i < entries.size(); ++i) {
      entries[i].target = static_cast<Target>(i);
      entries[i].service = "service-" + std::to_string(random() % 10);
      entries[i].supports = KindSet::FromBits(random() | random());
      entries[i].filters.resize(random() % 3);
      for (Filter& filter : entries[i].filters) {
        filter.kinds = KindSet::FromBits(random() & random());
        filter.priorities = PrioritySet::FromBits(static_cast<uint8_t>(random()));
      }
    }
    const RoutingTable table(entries);
    for (int n = 0; n < 50; ++n) {
      EventHeader header =
          HeaderOf(static_cast<EventKind>(random() % kKindCount), static_cast<Priority>(random() % 4));
      header.addressing = random() % 2 == 0 ? Addressing::kToAll : Addressing::kToTargets;
      std::vector<std::string> named;
      for (size_t i = random() % 4; i > 0; --i) named.push_back("service-" + std::to_string(random() % 12));
      Targets targets = {99};
      table.Resolve(header, named, targets);
      ASSERT_EQ(targets, NaiveResolve(entries, header, named));
    }
  }
}

}  // namespace
}  // namespace routebench::routing
