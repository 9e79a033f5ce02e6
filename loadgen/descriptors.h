// How many files the process may open.
#ifndef ROUTEBENCH_LOADGEN_DESCRIPTORS_H_
#define ROUTEBENCH_LOADGEN_DESCRIPTORS_H_

#include <cstdint>

namespace routebench::loadgen {

// Raises the soft limit of open descriptors to the hard one, and says what it is now.
uint64_t RaiseDescriptorLimit();

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_DESCRIPTORS_H_
