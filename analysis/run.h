// The command `analysis`: compare, report, show, export-hlog.
#ifndef ROUTEBENCH_ANALYSIS_RUN_H_
#define ROUTEBENCH_ANALYSIS_RUN_H_

#include <ostream>
#include <string>
#include <vector>

namespace routebench::analysis {

// Exit codes: 0 done; 1 a file that cannot be read, trusted, compared or written; 2 with --fail-on-worse when
// a verdict says so; 3 with --fail-on-inconclusive when a planned comparison has no verdict; 4 when all runs
// are invalid; 64 usage. `arguments` are without the program's name. Results go to `out`, errors to `err`.
int Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace routebench::analysis

#endif  // ROUTEBENCH_ANALYSIS_RUN_H_
