// Stands in for the brokers whose client library was not there when this was built.
#include "tests/bench/peers/broker.h"

namespace routebench::bench {

#ifdef ROUTEBENCH_NO_NATS
Broker NatsBroker() { return {.name = "nats", .missing = "built without libnats (libnats-dev)"}; }
#endif
#ifdef ROUTEBENCH_NO_REDIS
Broker RedisBroker() { return {.name = "redis", .missing = "built without hiredis (libhiredis-dev)"}; }
#endif
#ifdef ROUTEBENCH_NO_ZEROMQ
Broker ZeroMqBroker() { return {.name = "zeromq", .missing = "built without libzmq (libzmq3-dev)"}; }
#endif

}  // namespace routebench::bench
