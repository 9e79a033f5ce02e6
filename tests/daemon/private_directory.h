// A directory that belongs to one test.
#ifndef ROUTEBENCH_TESTS_DAEMON_PRIVATE_DIRECTORY_H_
#define ROUTEBENCH_TESTS_DAEMON_PRIVATE_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

namespace routebench::testing {

// A directory of its own, mode 0700, gone with this object.
class PrivateDirectory {
 public:
  PrivateDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "routebench-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  ~PrivateDirectory() { std::filesystem::remove_all(path_); }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_PRIVATE_DIRECTORY_H_
