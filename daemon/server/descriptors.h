// How many files the process may open, and whether it is about to run out of them.
#ifndef ROUTEBENCH_DAEMON_SERVER_DESCRIPTORS_H_
#define ROUTEBENCH_DAEMON_SERVER_DESCRIPTORS_H_

#include <cstddef>

namespace routebench::daemon {

// Raises the soft limit of open descriptors to the hard one, as far as the system lets us.
void RaiseDescriptorLimit();

// Whether `count` more could be opened now. Opens and closes them: some microseconds.
bool DescriptorsLeft(size_t count);

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_DESCRIPTORS_H_
