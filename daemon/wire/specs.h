// What the contract's structs look like in control messages, in both directions.
//
// Store never fails. Load treats its message as hostile: it answers InvalidArgument for numbers that mean
// nothing here, and leaves what the contract says of lengths and limits to those who check it on every
// backend (events/validation.h, routing::Directory). It allocates no more than the message itself holds.
#ifndef ROUTEBENCH_DAEMON_WIRE_SPECS_H_
#define ROUTEBENCH_DAEMON_WIRE_SPECS_H_

#include "absl/status/status.h"
#include "control.pb.h"
#include "events/control.h"
#include "events/outcome.h"
#include "events/router.h"

namespace routebench::wire {

void Store(const routebench::Filter& filter, Filter* message);
void Load(const Filter& message, routebench::Filter* filter);

void Store(const ServiceSpec& spec, Register* message);
void Load(const Register& message, ServiceSpec* spec);

void Store(const SubscriptionSpec& spec, Subscribe* message);
absl::Status Load(const Subscribe& message, SubscriptionSpec* spec);

void Store(const routebench::Rule& rule, Rule* message);
absl::Status Load(const Rule& message, routebench::Rule* rule);

void Store(const ServiceQuery& query, ListServices* message);
absl::Status Load(const ListServices& message, ServiceQuery* query);

void Store(const routebench::ServiceState& state, ServiceState* message);
absl::Status Load(const ServiceState& message, routebench::ServiceState* state);

// But `watch`.
void Store(const routebench::ServiceChange& change, ServiceChange* message);
absl::Status Load(const ServiceChange& message, routebench::ServiceChange* change);

void Store(const routebench::Explanation& explanation, Explanation* message);
absl::Status Load(const Explanation& message, routebench::Explanation* explanation);

// But the answers of Publish.
void Store(const RouterStatistics& statistics, Statistics* message);
void Load(const Statistics& message, RouterStatistics* statistics);

absl::Status LoadHealth(uint32_t message, Health* health);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_SPECS_H_
