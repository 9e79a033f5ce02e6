// Control messages, in both directions: what is accepted as one of the contract's structs says the same after
// it has been sent on.
#include <google/protobuf/stubs/logging.h>

#include <string>
#include <type_traits>

#include "control.pb.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/parse.h"
#include "daemon/wire/specs.h"
#include "tests/fuzz/fuzz.h"

namespace routebench::wire {
namespace {

using fuzz::Require;

template <typename Message, typename Value>
bool Accepted(const Message& message, Value* value) {
  if constexpr (std::is_void_v<decltype(Load(message, value))>) {
    Load(message, value);
    return true;
  } else {
    return Load(message, value).ok();
  }
}

// Compared as bytes: a double may be no number, which equals nothing.
template <typename Value, typename Message>
void Survives(const Message& message) {
  Value value;
  if (!Accepted(message, &value)) return;
  Message stored;
  Store(value, &stored);
  Message received;
  Require(received.ParseFromString(stored.SerializeAsString()), "what we send can be read");
  Value again;
  Require(Accepted(received, &again), "and is accepted");
  Message stored_again;
  Store(again, &stored_again);
  Require(stored_again.SerializeAsString() == stored.SerializeAsString(), "and says the same");
}

void Look(const ClientControl& control) {
  if (control.has_register_service()) Survives<ServiceSpec>(control.register_service());
  if (control.has_subscribe()) Survives<SubscriptionSpec>(control.subscribe());
  if (control.has_add_rule()) Survives<routebench::Rule>(control.add_rule());
  if (control.has_list_services()) Survives<ServiceQuery>(control.list_services());
  Health health;
  if (control.has_set_health() && LoadHealth(control.set_health().health(), &health).ok()) {
    Require(static_cast<size_t>(health) < kHealthCount, "a health is one that there is");
  }
}

void Look(const BrokerControl& control) {
  if (control.has_change()) Survives<routebench::ServiceChange>(control.change());
  const Reply& reply = control.reply();
  if (reply.has_statistics()) Survives<RouterStatistics>(reply.statistics());
  if (reply.has_explanation()) Survives<routebench::Explanation>(reply.explanation());
  for (const ServiceState& state : reply.services().services()) Survives<routebench::ServiceState>(state);
}

}  // namespace
}  // namespace routebench::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::wire;
  const google::protobuf::LogSilencer quiet;
  routebench::fuzz::Input input(data, size);
  const bool to_broker = input.Byte() % 2 == 0;
  const std::string_view bytes = input.Rest();
  ClientControl client;
  BrokerControl broker;
  if (to_broker && ParseControl(bytes, &client)) Look(client);
  if (!to_broker && ParseControl(bytes, &broker)) Look(broker);
  return 0;
}
