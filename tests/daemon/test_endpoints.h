// Where a test's daemon listens and its peers call, for each transport: the one thing that a transport's
// tests have to know about it.
#ifndef ROUTEBENCH_TESTS_DAEMON_TEST_ENDPOINTS_H_
#define ROUTEBENCH_TESTS_DAEMON_TEST_ENDPOINTS_H_

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "daemon/transport/transport.h"
#include "tests/daemon/private_directory.h"

namespace routebench::testing {

// What the suites run over: every transport that there is.
inline std::vector<std::string_view> TransportNames() {
  std::vector<std::string_view> names;
  for (const auto& transport : transport::Transports()) names.push_back(transport.name);
  return names;
}

inline bool NeedsToken(std::string_view transport) { return transport == "tcp"; }

// Of one daemon; nobody else's. An unknown transport aborts the test program: give it its line here.
class TestEndpoints {
 public:
  static constexpr std::string_view kToken = "a token that only this test knows";

  // For at most so many peers.
  static constexpr int kPeers = 12;

  explicit TestEndpoints(std::string_view transport, int peers = kPeers) : transport_(transport) {
    if (transport == "unix" || transport == "shm") {
      listen_ = {std::string(transport) + ":" + File("eventd.sock")};
    } else if (transport == "tcp") {
      listen_ = {"tcp:127.0.0.1:0"};
      WriteToken(token_file(), kToken);
    } else if (transport == "pipe") {
      for (int i = 0; i < peers; ++i) {
        const std::array<int, 2> to = MakePipe();
        const std::array<int, 2> from = MakePipe();
        listen_.push_back(absl::StrFormat("pipe:%d,%d", to[0], from[1]));
        daemon_ends_.insert(daemon_ends_.end(), {to[0], from[1]});
        pairs_.push_back({from[0], to[1]});
      }
    } else {
      std::abort();
    }
  }
  ~TestEndpoints() {
    for (; next_ < pairs_.size(); ++next_) {
      for (const int end : pairs_[next_]) close(end);
    }
  }
  TestEndpoints(const TestEndpoints&) = delete;
  TestEndpoints& operator=(const TestEndpoints&) = delete;

  // For the daemon.
  const std::vector<std::string>& listen() const { return listen_; }
  // For the next peer of a daemon that listens at `actual`.
  std::string Dial(const std::vector<std::string>& actual) {
    if (transport_ != "pipe") return actual.front();
    const std::array<int, 2>& pair = pairs_.at(next_++);
    return absl::StrFormat("pipe:%d,%d", pair[0], pair[1]);
  }
  // Where the daemon is another process, which has inherited its ends: closes them here.
  void GiveAwayDaemonEnds() {
    for (const int end : std::exchange(daemon_ends_, {})) close(end);
  }
  // Of both; empty where none is needed.
  std::string token_file() const { return NeedsToken(transport_) ? File("token") : ""; }
  std::string File(const std::string& name) const { return (directory_.path() / name).string(); }

  static void WriteToken(const std::string& path, std::string_view token) {
    std::ofstream(path) << token;
    std::filesystem::permissions(path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

 private:
  static std::array<int, 2> MakePipe() {
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    return ends;
  }

  const std::string transport_;
  PrivateDirectory directory_;
  std::vector<std::string> listen_;
  std::vector<int> daemon_ends_;
  std::vector<std::array<int, 2>> pairs_;  // the peers' ends
  size_t next_ = 0;                        // of them, that nobody has dialled
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_TEST_ENDPOINTS_H_
