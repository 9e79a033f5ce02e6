// A directory of its own for one test, removed with everything in it.
#ifndef ROUTEBENCH_TESTS_ANALYSIS_TEMPORARY_DIRECTORY_H_
#define ROUTEBENCH_TESTS_ANALYSIS_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace routebench::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "routebench-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary directory: " + path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_ANALYSIS_TEMPORARY_DIRECTORY_H_
