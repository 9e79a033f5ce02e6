// Paths that tell nothing and keep their shape.
#ifndef ROUTEBENCH_LOADGEN_TRACE_PATH_HIDER_H_
#define ROUTEBENCH_LOADGEN_TRACE_PATH_HIDER_H_

#include <string>
#include <string_view>

namespace routebench::loadgen {

// Replaces every component of a path by a hash of it and of a secret: the same component always becomes the
// same text, so that siblings stay siblings and a moved file is recognised, and nobody without the secret can
// try names. What stays visible: the number of components, whether a name is shorter than 9, shorter than 17
// or longer, a leading dot, and an extension of up to 5 letters and digits. Two names of 8 characters or
// fewer collide with a probability of 2^-40. Thread-safe.
class PathHider {
 public:
  explicit PathHider(std::string secret) : secret_(std::move(secret)) {}
  // With a secret from the kernel's random numbers, known to nobody.
  static PathHider WithRandomSecret();

  std::string Hide(std::string_view path) const;

 private:
  std::string HideComponent(std::string_view name) const;

  const std::string secret_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_PATH_HIDER_H_
