// The greeting of shared memory: any bytes, with any descriptors, over a real socket. What is accepted is
// complete and safe to map, and no descriptor stays behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "daemon/transport/shm/greeting.h"
#include "daemon/transport/shm/segment.h"
#include "tests/fuzz/fuzz.h"

namespace routebench::transport::shm {
namespace {

using fuzz::Input;
using fuzz::Require;

constexpr size_t kRing = kMinRingBytes;
constexpr size_t kSegment = kRingOffset + kRing;

int Memory(size_t size, int seals) {
  const int file = memfd_create("routebench-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  Require(ftruncate(file, static_cast<off_t>(size)) == 0, "there is memory");
  Require(seals == 0 || fcntl(file, F_ADD_SEALS, seals) == 0, "it can be sealed");
  return file;
}

int OneOf(std::array<int, 2> ends) {
  close(ends[1]);
  return ends[0];
}
int Socket(int domain, int type) {
  std::array<int, 2> ends;
  if (domain != AF_UNIX) return socket(domain, type | SOCK_CLOEXEC, 0);
  Require(socketpair(domain, type | SOCK_CLOEXEC, 0, ends.data()) == 0, "there are sockets");
  return OneOf(ends);
}
int Pipe() {
  std::array<int, 2> ends;
  Require(pipe2(ends.data(), O_CLOEXEC) == 0, "there are pipes");
  return OneOf(ends);
}

// What a peer may send. Made once: an input only chooses.
struct Kind {
  int descriptor;
  bool segment;  // it may be mapped
  bool bell;
};
const std::vector<Kind>& Kinds() {
  static const auto& kinds = *new std::vector<Kind>{
      {Memory(kSegment, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), true, false},
      {Socket(AF_UNIX, SOCK_STREAM), false, true},
      {Memory(kSegment, F_SEAL_SHRINK), true, false},
      {Memory(kSegment, 0), false, false},
      {Memory(kSegment, F_SEAL_GROW), false, false},
      {Memory(kSegment + 1, F_SEAL_SHRINK), false, false},
      {Memory(kSegment - 1, F_SEAL_SHRINK), false, false},
      {Memory(0, F_SEAL_SHRINK), false, false},
      {Socket(AF_UNIX, SOCK_DGRAM), false, false},
      {Socket(AF_INET, SOCK_STREAM), false, false},
      {Pipe(), false, false},
      {open("/dev/zero", O_RDWR | O_CLOEXEC), false, false},
      {open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), false, false},
  };
  return kinds;
}

// The lowest descriptor that is free: one that leaks, and was made before another closed, shows.
int LowestFree() {
  const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(lowest);
  return lowest;
}

Hello HelloOf(Input& input) {
  const uint8_t wrong = input.Byte();
  Hello hello = {kMagic, LayoutHash(), kRing, input.Byte()};
  if ((wrong & 1) != 0) hello.magic = input.Number<uint64_t>();
  if ((wrong & 2) != 0) hello.layout = input.Number<uint64_t>();
  if ((wrong & 4) != 0) hello.ring_bytes = input.Number<uint64_t>();
  if ((wrong & 8) != 0) hello.ring_bytes = 0;
  return hello;
}

void Send(int socket, std::string_view bytes, const std::vector<Kind>& kinds) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> buffer = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!kinds.empty()) {
    message.msg_control = buffer.data();
    message.msg_controllen = CMSG_SPACE(kinds.size() * sizeof(int));
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(kinds.size() * sizeof(int));
    for (size_t i = 0; i < kinds.size(); ++i) {
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &kinds[i].descriptor, sizeof(int));
    }
  }
  Require(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0, "the socket takes a message");
}

void Check(const Greeting& greeting, size_t wanted, const std::vector<Kind>& sent) {
  using Status = Greeting::Status;
  if (greeting.status == Status::kNoMemory) {
    Require(wanted == 1 && greeting.files.empty() && greeting.hello.ring_bytes == 0,
            "only a dialler hears of none");
  }
  if (greeting.status != Status::kDone) return;
  const size_t ring_bytes = greeting.hello.ring_bytes;
  Require(greeting.hello.magic == kMagic && greeting.hello.layout == LayoutHash(), "it is one of ours");
  Require(std::has_single_bit(ring_bytes) && ring_bytes >= kMinRingBytes && ring_bytes <= kMaxRingBytes,
          "its ring has a size that can be");
  Require(greeting.files.size() == wanted && sent.size() == wanted,
          "it has the descriptors that belong to it");
  const bool mapped = MapPeer(greeting.files[0], ring_bytes).ok();
  Require(mapped == (sent[0].segment && ring_bytes == kRing), "what is mapped is sealed and of its size");
  if (wanted == 2) Require(IsBell(greeting.files[1]) == sent[1].bell, "a bell is a stream socket");
}

}  // namespace
}  // namespace routebench::transport::shm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::transport::shm;
  routebench::fuzz::Input input(data, size);
  const std::vector<Kind>& kinds = Kinds();
  const int lowest = LowestFree();
  {
    std::array<int, 2> ends;
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "there are sockets");
    const File ours(ends[0]);
    const File peer(ends[1]);
    const size_t wanted = 1 + input.Byte() % 2;
    std::vector<Kind> sent;
    for (size_t count = input.Byte() % 5; count > 0; --count)
      sent.push_back(kinds[input.Byte() % kinds.size()]);
    const Hello hello = HelloOf(input);
    char bytes[sizeof hello + 8] = {};
    std::memcpy(bytes, &hello, sizeof hello);
    const size_t length = input.Byte() % 2 == 0 ? sizeof hello : 1 + input.Byte() % sizeof bytes;
    Send(peer.get(), {bytes, length}, sent);
    const Greeting greeting = ReceiveHello(ours.get(), wanted);
    Require(greeting.status != Greeting::Status::kNothing && greeting.status != Greeting::Status::kGone,
            "something has come");
    Require(length >= sizeof hello || greeting.status == Greeting::Status::kBroken,
            "half a greeting is none");
    Check(greeting, wanted, sent);
  }
  Require(LowestFree() == lowest, "no descriptor stays behind");
  return 0;
}
