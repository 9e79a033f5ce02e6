// Exit codes of all executables (README).
#ifndef ROUTEBENCH_LOADGEN_EXIT_CODES_H_
#define ROUTEBENCH_LOADGEN_EXIT_CODES_H_

namespace routebench::loadgen {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitInvalid = 4;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitInterrupted = 130;

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_EXIT_CODES_H_
