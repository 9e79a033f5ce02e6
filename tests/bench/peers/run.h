// The comparison of our daemon with other brokers, as a program.
//
// Fair play. Everybody moves the same bytes between the same number of processes, under one window that is
// not the broker's (measure.h). Each has the settings that its documentation recommends for the task, where
// there is a choice; they stand at the top of each *_broker.cc and are printed with the result. Nobody writes
// to a disk. The others move 512 bytes under a topic of one letter; ours move 512 bytes and a header, checked
// and accounted for, which is what a user of theirs would have to add.
//
// A block holds every broker once in each placement, in fresh processes; the next block has the reverse
// order, and the first one's is drawn.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_RUN_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_RUN_H_

#include <iosfwd>

namespace routebench::bench {

// Exit codes: 0 pass, 1 nothing to compare, 4 a run was invalid, 64 usage, 130 interrupted.
int RunPeers(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_RUN_H_
