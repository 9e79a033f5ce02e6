#include "loadgen/accounting.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "loadgen/backend_factory.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

// Deliveries that the events of each cell amount to. An event that was never due (a run cut short) expects
// nothing, one that was refused does: a refusal must not make a backend look fast.
Cells<uint64_t> Expected(const Schedule& schedule, const std::array<uint32_t, kKindCount>& receivers,
                         const OfferResults& offers) {
  Cells<uint64_t> expected(schedule.phases.size());
  Cells<uint64_t> planned(schedule.phases.size());
  for (const PlannedEvent& event : schedule.events) {
    const Category category = CategoryOf(event.kind);
    uint64_t& seen = planned.At(event.phase, category);
    if (seen >= offers.cells.At(event.phase, category).offered) continue;
    ++seen;
    expected.At(event.phase, category) += receivers[static_cast<size_t>(event.kind)];
  }
  return expected;
}

const record::Cell* Find(const ReceiverReport& report, const std::string& phase,
                         const std::string& category) {
  for (const record::Cell& cell : report.cells()) {
    if (cell.phase() == phase && cell.category() == category) return &cell;
  }
  return nullptr;
}

std::string Imbalance(const record::BooksRecord& books, uint64_t accepted, uint64_t expected_accepted,
                      uint64_t unrouted, uint64_t delivered, uint64_t settled, bool probes_deliver) {
  if (books.routed() != settled + books.in_flight()) {
    return absl::StrCat("the router counts ", books.routed(), " routed, ", settled, " settled and ",
                        books.in_flight(), " in flight");
  }
  if (books.in_flight() != 0)
    return absl::StrCat(books.in_flight(), " events were still in flight after the drain");
  if (books.routed() != expected_accepted + unrouted) {
    return absl::StrCat("the ", accepted, " accepted events amount to ", expected_accepted,
                        " deliveries and ", unrouted, " unrouted events, the router routed ", books.routed());
  }
  if (probes_deliver && books.probe_delivered() != delivered) {
    return absl::StrCat("the router counts ", delivered, " delivered, the probes ", books.probe_delivered());
  }
  return "";
}

}  // namespace

void Account(const record::RunPlan& plan, const Schedule& schedule, const OfferResults& offers,
             const ReceiverReport& arrivals, const std::optional<RouterStatistics>& statistics,
             record::RunRecord& record) {
  const auto receivers =
      Delivers(plan.backend()) ? ReceiversByKind(plan) : std::array<uint32_t, kKindCount>{};
  const Cells<uint64_t> expected = Expected(schedule, receivers, offers);
  record::BooksRecord& books = *record.mutable_books();
  uint64_t expected_all = 0;
  for (size_t phase = 0; phase < schedule.phases.size(); ++phase) {
    for (size_t c = 0; c < kCategoryCount; ++c) {
      const Category category = static_cast<Category>(c);
      const OfferCell& offered = offers.cells.At(phase, category);
      if (offered.offered == 0) continue;
      record::Cell& cell = *record.add_cells();
      cell.set_phase(schedule.phases[phase]);
      cell.set_category(std::string(Name(category)));
      cell.set_offered(offered.offered);
      cell.set_expected(expected.At(phase, category));
      expected_all += cell.expected();
      offered.self_lag.ToData(cell.mutable_self_lag());
      offered.blocked.ToData(cell.mutable_blocked());
      record::Histogram().ToData(cell.mutable_response());
      record::Histogram().ToData(cell.mutable_service());
      if (const record::Cell* arrived = Find(arrivals, cell.phase(), cell.category())) {
        cell.set_delivered(arrived->delivered());
        *cell.mutable_response() = arrived->response();
        *cell.mutable_service() = arrived->service();
      }
    }
  }
  uint64_t accepted = 0;
  for (size_t i = 0; i < kPublishResultCount; ++i) {
    const auto result = static_cast<PublishResult>(i);
    if (offers.answers[i] == 0) continue;
    if (result == PublishResult::kAccepted) accepted = offers.answers[i];
    record::NamedCount& answer = *books.add_answers();
    answer.set_name(std::string(Name(result)));
    answer.set_count(offers.answers[i]);
  }
  books.set_expected(expected_all);
  books.set_probe_delivered(arrivals.delivered());
  books.set_probe_out_of_order(arrivals.out_of_order());
  books.set_probe_duplicates(arrivals.duplicates());
  if (!statistics.has_value()) {
    books.set_imbalance("the router's own counts could not be had");
    return;
  }
  books.set_routed(statistics->books.routed);
  books.set_in_flight(statistics->books.in_flight);
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    if (statistics->books.outcomes[i] == 0) continue;
    record::NamedCount& outcome = *books.add_outcomes();
    outcome.set_name(std::string(Name(static_cast<Outcome>(i))));
    outcome.set_count(statistics->books.outcomes[i]);
  }
  uint64_t offered_all = 0;
  for (const record::Cell& cell : record.cells()) offered_all += cell.offered();
  const uint64_t unrouted = statistics->books.of(Outcome::kUnrouted);
  // What was refused at the door was never routed; of what was accepted the expected number is exact only
  // when nothing was refused, because the refused kinds are not recorded one by one.
  const uint64_t expected_accepted =
      accepted == offered_all ? expected_all : statistics->books.routed - unrouted;
  books.set_imbalance(Imbalance(books, accepted, expected_accepted, unrouted,
                                statistics->books.of(Outcome::kDelivered), statistics->books.settled(),
                                Delivers(plan.backend())));
  books.set_balanced(books.imbalance().empty());
}

}  // namespace routebench::loadgen
