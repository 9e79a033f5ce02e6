#include "tests/bench/peers/broker.h"

namespace routebench::bench {

std::vector<Broker> AllBrokers(const std::string& eventd) {
  std::vector<Broker> brokers = {NatsBroker(), RedisBroker(), ZeroMqBroker()};
  for (Broker& daemon : DaemonBrokers(eventd)) brokers.push_back(std::move(daemon));
  return brokers;
}

}  // namespace routebench::bench
