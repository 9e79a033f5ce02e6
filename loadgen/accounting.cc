#include "loadgen/accounting.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

const record::Cell* Find(const ReceiverReport& report, const std::string& phase,
                         const std::string& category) {
  for (const record::Cell& cell : report.cells()) {
    if (cell.phase() == phase && cell.category() == category) return &cell;
  }
  return nullptr;
}

uint64_t CountOf(const OfferResults& offers, PublishResult result) {
  return offers.answers[static_cast<size_t>(result)];
}

// One sentence, or nothing. Nothing of one side is computed from the other: what was routed is compared with
// what the publishers counted, what was delivered with what the probes saw.
std::string Imbalance(const OfferResults& offers, const Books& books, const ReceiverReport& arrivals) {
  if (!books.balanced()) {
    return absl::StrCat("the router counts ", books.routed, " routed, ", books.settled(), " settled and ",
                        books.in_flight, " in flight");
  }
  if (books.in_flight != 0)
    return absl::StrCat(books.in_flight, " deliveries were still in flight after the drain");
  if (books.routed != offers.accepted_deliveries + offers.accepted_unrouted) {
    return absl::StrCat("the ", CountOf(offers, PublishResult::kAccepted), " accepted events amount to ",
                        offers.accepted_deliveries, " deliveries and ", offers.accepted_unrouted,
                        " unrouted events, the router routed ", books.routed);
  }
  if (arrivals.delivered() != books.of(Outcome::kDelivered)) {
    return absl::StrCat("the router counts ", books.of(Outcome::kDelivered), " delivered, the probes ",
                        arrivals.delivered());
  }
  return "";
}

}  // namespace

void Account(const Schedule& schedule, const OfferResults& offers, const ReceiverReport& arrivals,
             const std::optional<RouterStatistics>& statistics, record::RunRecord& record) {
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
      cell.set_expected(offered.expected);
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
  for (size_t i = 0; i < kPublishResultCount; ++i) {
    const auto result = static_cast<PublishResult>(i);
    if (offers.answers[i] == 0) continue;
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
  books.set_imbalance(Imbalance(offers, statistics->books, arrivals));
  books.set_balanced(books.imbalance().empty());
}

}  // namespace routebench::loadgen
