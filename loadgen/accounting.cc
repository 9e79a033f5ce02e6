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

std::string Differ(const char* what, uint64_t routers, uint64_t probes) {
  return routers == probes ? ""
                           : absl::StrCat("the router counts ", routers, " ", what, ", the probes ", probes);
}

// What ended otherwise than by a handler's answer, and may have been in a handler before, for one attempt.
uint64_t EndedOnTheirOwn(const Books& books) {
  uint64_t others = books.settled();
  for (const Outcome outcome : {Outcome::kDelivered, Outcome::kRejected, Outcome::kDeadLettered,
                                Outcome::kTimedOut, Outcome::kUnrouted, Outcome::kBreakerOpen}) {
    others -= books.of(outcome);
  }
  return others;
}

// The handlers' answers are the outcomes.
std::string UntimedImbalance(const Books& books, const ReceiverReport& arrivals, uint64_t received) {
  for (const std::string& difference :
       {Differ("delivered", books.of(Outcome::kDelivered), arrivals.delivered() + received),
        Differ("rejected", books.of(Outcome::kRejected), arrivals.rejected()),
        Differ("dead letters", books.of(Outcome::kDeadLettered), arrivals.dead_lettered())}) {
    if (!difference.empty()) return difference;
  }
  if (arrivals.unfinished() > EndedOnTheirOwn(books)) {
    return absl::StrCat(arrivals.unfinished(), " failed events were neither tried again nor ended otherwise");
  }
  return "";
}

// With a delivery timeout a probe cannot know who was faster in the end: the router's timer may come late,
// too. Yet what was handed for the first time has ended as one of these, and nothing was acknowledged without
// a probe.
std::string TimedImbalance(const Books& books, const ReceiverReport& arrivals, uint64_t received) {
  const uint64_t answered = books.of(Outcome::kDelivered) - received + books.of(Outcome::kRejected) +
                            books.of(Outcome::kDeadLettered) + books.of(Outcome::kTimedOut);
  const uint64_t first_handed = arrivals.handed() - arrivals.retries();
  const uint64_t may_be_missing =
      arrivals.retries() > 0 || arrivals.unfinished() > 0 ? EndedOnTheirOwn(books) : 0;
  if (answered > first_handed || first_handed - answered > may_be_missing) {
    return absl::StrCat("the probes were handed ", first_handed, " events, the router counts ", answered,
                        " that came out of a handler");
  }
  if (books.of(Outcome::kDelivered) > arrivals.delivered() + arrivals.late() + received) {
    return absl::StrCat("the router counts ", books.of(Outcome::kDelivered), " delivered, the probes ",
                        arrivals.delivered() + received, " and ", arrivals.late(), " late ones");
  }
  return "";
}

// One sentence, or nothing. Nothing of one side is computed from the other: what was routed is compared with
// what the publishers and responders counted, what came of it with what the probes and requesters saw.
std::string Imbalance(const OfferResults& offers, uint64_t received, const Books& books,
                      const ReceiverReport& arrivals, bool timed) {
  if (!books.balanced()) {
    return absl::StrCat("the router counts ", books.routed, " routed, ", books.settled(), " settled and ",
                        books.in_flight, " in flight");
  }
  if (books.in_flight != 0)
    return absl::StrCat(books.in_flight, " deliveries were still in flight after the drain");
  if (books.routed != offers.accepted_deliveries + offers.accepted_unrouted + arrivals.responses()) {
    return absl::StrCat("the ", CountOf(offers, PublishResult::kAccepted), " accepted events amount to ",
                        offers.accepted_deliveries, " deliveries and ", offers.accepted_unrouted,
                        " unrouted events, with ", arrivals.responses(), " responses; the router routed ",
                        books.routed);
  }
  return timed ? TimedImbalance(books, arrivals, received) : UntimedImbalance(books, arrivals, received);
}

void SetAnswers(const AnswerCell& answers, record::Cell& cell) {
  cell.set_answered(answers.answered);
  cell.set_request_timeouts(answers.timeouts);
  cell.set_request_errors(answers.errors);
  answers.round_trip.ToData(cell.mutable_round_trip());
}

void SetProbes(const ReceiverReport& arrivals, record::BooksRecord& books) {
  books.set_probe_delivered(arrivals.delivered());
  books.set_probe_out_of_order(arrivals.out_of_order());
  books.set_probe_duplicates(arrivals.duplicates());
  books.set_probe_handed(arrivals.handed());
  books.set_probe_retries(arrivals.retries());
  books.set_probe_rejected(arrivals.rejected());
  books.set_probe_dead_lettered(arrivals.dead_lettered());
  books.set_probe_late(arrivals.late());
  books.set_responses(arrivals.responses());
}

void SetBreakerOpenings(const RouterStatistics& statistics, const record::RunPlan& plan,
                        record::BooksRecord& books) {
  uint64_t openings = 0;
  for (const RouterStatistics::Service& service : statistics.services) {
    for (const record::ServicePlan& planned : plan.services()) {
      if (planned.id() == service.id) openings += service.breaker_openings;
    }
  }
  books.set_breaker_openings(openings);
}

}  // namespace

void Account(const Schedule& schedule, const OfferResults& offers,
             const std::optional<AnswerResults>& answers, const ReceiverReport& arrivals,
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
      if (answers.has_value()) SetAnswers(answers->cells.At(phase, category), cell);
    }
  }
  for (size_t i = 0; i < kPublishResultCount; ++i) {
    const auto result = static_cast<PublishResult>(i);
    if (offers.answers[i] == 0) continue;
    record::NamedCount& answer = *books.add_answers();
    answer.set_name(std::string(Name(result)));
    answer.set_count(offers.answers[i]);
  }
  *record.mutable_stages() = arrivals.stages();
  books.set_expected(expected_all);
  SetProbes(arrivals, books);
  const uint64_t received = answers.has_value() ? answers->received : 0;
  books.set_responses_received(received);
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
  SetBreakerOpenings(*statistics, record.plan(), books);
  const bool timed = record.plan().subscription().delivery_timeout_ns() > 0;
  books.set_imbalance(Imbalance(offers, received, statistics->books, arrivals, timed));
  books.set_balanced(books.imbalance().empty());
}

}  // namespace routebench::loadgen
