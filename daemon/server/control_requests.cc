#include "daemon/server/control_requests.h"

#include "daemon/wire/specs.h"
#include "events/codec.h"

namespace routebench::daemon {
namespace {

using Send = absl::FunctionRef<void(const wire::Reply&)>;

absl::Status Finish(const absl::Status& status, Send send) {
  if (status.ok()) send(wire::Reply());
  return status;
}

absl::Status AddRule(Exchange& exchange, const wire::Rule& message) {
  Rule rule;
  if (absl::Status status = wire::Load(message, &rule); !status.ok()) return status;
  return exchange.Change([&](routing::Directory& directory) { return directory.AddRule(rule); });
}

absl::Status SetHealth(Exchange& exchange, const wire::SetHealth& message) {
  Health health;
  if (absl::Status status = wire::LoadHealth(message.health(), &health); !status.ok()) return status;
  return exchange.Change(
      [&](routing::Directory& directory) { return directory.SetHealth(message.service(), health); });
}

absl::Status ListServices(const Exchange& exchange, const wire::ListServices& message, Send send) {
  ServiceQuery query;
  if (absl::Status status = wire::Load(message, &query); !status.ok()) return status;
  wire::Reply reply;
  for (const ServiceState& state : exchange.directory().List(query)) {
    wire::Store(state, reply.mutable_services()->add_services());
  }
  send(reply);
  return absl::OkStatus();
}

absl::Status Watch(Exchange& exchange, Peer& peer, Send send) {
  return exchange.Watch(peer, [&](WatchId watch, size_t present) {
    wire::Reply reply;
    reply.mutable_watch()->set_watch(watch);
    reply.mutable_watch()->set_present(present);
    send(reply);
  });
}

absl::Status Explain(const Exchange& exchange, const wire::Explain& message, Send send) {
  EncodedHeader header;
  Attributes attributes;
  if (message.header().size() != kEncodedHeaderSize || !DecodeHeader(message.header(), &header) ||
      header.attributes_number != 0 || header.attributes_size != message.attributes().size() ||
      (header.attributes_size > 0 && !DecodeAttributes(message.attributes(), &attributes))) {
    return absl::InvalidArgumentError("not the encoded form of an event");
  }
  wire::Reply reply;
  wire::Store(exchange.Explain(header.event, attributes, header.body_size), reply.mutable_explanation());
  send(reply);
  return absl::OkStatus();
}

}  // namespace

absl::Status AnswerControl(Exchange& exchange, Peer& peer, const wire::ClientControl& control, Send send) {
  const auto change = [&](absl::FunctionRef<absl::Status(routing::Directory&)> how) {
    return Finish(exchange.Change(how), send);
  };
  switch (control.body_case()) {
    case wire::ClientControl::kRegisterService: {
      ServiceSpec spec;
      wire::Load(control.register_service(), &spec);
      return Finish(exchange.Register(peer, spec), send);
    }
    case wire::ClientControl::kDeregister:
      return Finish(exchange.Deregister(peer, control.deregister().id()), send);
    case wire::ClientControl::kAddRule:
      return Finish(AddRule(exchange, control.add_rule()), send);
    case wire::ClientControl::kRemoveRule:
      return change([&](auto& directory) { return directory.RemoveRule(control.remove_rule().id()); });
    case wire::ClientControl::kEnableRule:
      return change([&](auto& directory) {
        return directory.SetRuleEnabled(control.enable_rule().id(), control.enable_rule().enabled());
      });
    case wire::ClientControl::kSetHealth:
      return Finish(SetHealth(exchange, control.set_health()), send);
    case wire::ClientControl::kListServices:
      return ListServices(exchange, control.list_services(), send);
    case wire::ClientControl::kWatch:
      return Watch(exchange, peer, send);
    case wire::ClientControl::kUnwatch:
      return Finish(exchange.Unwatch(peer, control.unwatch().watch()), send);
    case wire::ClientControl::kExplain:
      return Explain(exchange, control.explain(), send);
    default:
      return absl::UnimplementedError("the daemon does not know this request");
  }
}

}  // namespace routebench::daemon
