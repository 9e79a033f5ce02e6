// Reads a control message of a peer that is not trusted.
#ifndef ROUTEBENCH_DAEMON_WIRE_PARSE_H_
#define ROUTEBENCH_DAEMON_WIRE_PARSE_H_

#include <google/protobuf/message.h>

#include <string_view>

namespace routebench::wire {

// Whether every length in `bytes`, read as a message of that type, lies within the part it belongs to.
// Allocates nothing. False as well for groups, of which we have none.
//
// The parser checks this, too, but only once it has reserved what a length announces (up to 50 MB for a
// string): where a message announces more than there is, it believes the lengths inside.
bool LengthsFit(std::string_view bytes, const google::protobuf::Descriptor& type);

// False: not such a message. Allocates in proportion to `bytes`.
bool ParseControl(std::string_view bytes, google::protobuf::Message* message);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_PARSE_H_
