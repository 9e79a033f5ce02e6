#include "loadgen/trace/path_hider.h"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "events/event_id.h"

namespace routebench::loadgen {
namespace {

constexpr size_t kLongestExtension = 5;
constexpr char kDigits[] = "abcdefghijklmnopqrstuvwxyz234567";

// The first `length` (at most 24) digits of the hash, 5 bits each.
std::string Digits(const boost::uuids::uuid& hash, size_t length) {
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t byte : hash) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5 && text.size() < length; count -= 5)
      text += kDigits[bits >> (count - 5) & 31];
  }
  return text;
}

// Where the extension starts, its dot included; the name's end where there is none to keep.
size_t ExtensionOf(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return name.size();
  const std::string_view extension = name.substr(dot + 1);
  const bool plain = std::all_of(extension.begin(), extension.end(),
                                 [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); });
  return plain && extension.size() <= kLongestExtension ? dot : name.size();
}

}  // namespace

PathHider PathHider::WithRandomSecret() { return PathHider(absl::StrCat(RandomSeed(), ".", RandomSeed())); }

std::string PathHider::Hide(std::string_view path) const {
  std::string hidden;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(path.data(), path.size()), '/')) {
    absl::StrAppend(&hidden, hidden.empty() ? "" : "/", HideComponent({part.data(), part.size()}));
  }
  return hidden;
}

std::string PathHider::HideComponent(std::string_view name) const {
  const bool dotted = !name.empty() && name.front() == '.';
  if (dotted) name.remove_prefix(1);
  if (name.empty()) return dotted ? "." : "";
  const size_t extension = ExtensionOf(name);
  const std::string_view stem = name.substr(0, extension);
  const boost::uuids::name_generator_sha1 hash(boost::uuids::ns::oid());
  const size_t length = stem.size() <= 8 ? 8 : stem.size() <= 16 ? 16 : 24;
  const std::string digits = Digits(hash(absl::StrCat(secret_, "/", std::string(stem))), length);
  return absl::StrCat(dotted ? "." : "", digits, std::string(name.substr(extension)));
}

}  // namespace routebench::loadgen
