#include "daemon/transport/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::transport {
namespace {

using ::testing::HasSubstr;

void ExpectEndpoint(const std::string& text, std::string_view transport, const std::string& address) {
  const auto endpoint = Endpoint::Parse(text);
  ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.status();
  EXPECT_EQ(endpoint->transport->name, transport) << text;
  EXPECT_EQ(endpoint->address, address) << text;
}

TEST(Endpoint, NamesATransportAndAnAddress) {
  ExpectEndpoint("unix:/run/eventd.sock", "unix", "/run/eventd.sock");
  ExpectEndpoint("unix:relative", "unix", "relative");
  ExpectEndpoint("unix:with:colons", "unix", "with:colons");
}

TEST(Endpoint, IsAPathWhereNoTransportIsNamed) {
  ExpectEndpoint("/run/eventd.sock", "unix", "/run/eventd.sock");
  ExpectEndpoint("relative", "unix", "relative");
  ExpectEndpoint("./tcp:1", "unix", "./tcp:1");
  ExpectEndpoint("/a:b", "unix", "/a:b");
}

TEST(Endpoint, RefusesWhatItDoesNotKnow) {
  for (const char* const text : {"", "unix:", "udp:127.0.0.1:1", "UNIX:/a", ":", ":/a"}) {
    const auto endpoint = Endpoint::Parse(text);
    EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(endpoint.status().message()), HasSubstr("unix:PATH")) << text;
    EXPECT_EQ(Listen(text, {}).status(), endpoint.status());
    EXPECT_EQ(Dial(text, {}).status(), endpoint.status());
  }
}

}  // namespace
}  // namespace routebench::transport
