// What the tests of the control plane share.
#ifndef ROUTEBENCH_TESTS_CONFORMANCE_CONTROL_TEST_H_
#define ROUTEBENCH_TESTS_CONFORMANCE_CONTROL_TEST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "events/control.h"
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {

// Services live at subscriber(); control() is the publisher's, so that with a daemon it is another client's.
class ControlConformanceTest : public ConformanceTest {
 protected:
  Control& control() { return publisher().control(); }

  void MustAddRule(const Rule& rule) {
    const absl::Status status = control().AddRule(rule);
    ASSERT_TRUE(status.ok()) << status;
  }
  void MustSetHealth(const std::string& service, Health health) {
    const absl::Status status = control().SetHealth(service, health);
    ASSERT_TRUE(status.ok()) << status;
  }

  void PublishWith(Attributes attributes, Addressing addressing = Addressing::kToAll) {
    Event event = NewEvent();
    event.header.addressing = addressing;
    event.attributes = std::make_shared<Attributes>(std::move(attributes));
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }

  std::vector<std::string> Ids(const ServiceQuery& query = {}) {
    std::vector<std::string> ids;
    const auto services = control().Services(query);
    EXPECT_TRUE(services.ok()) << services.status();
    if (!services.ok()) return ids;
    for (const ServiceState& service : *services) ids.push_back(service.spec.id);
    return ids;
  }
};

}  // namespace routebench::conformance

#endif  // ROUTEBENCH_TESTS_CONFORMANCE_CONTROL_TEST_H_
