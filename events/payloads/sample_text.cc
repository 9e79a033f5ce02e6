#include "events/payloads/sample_text.h"

#include <array>
#include <string_view>

namespace routebench {
namespace {

constexpr std::array<std::string_view, 64> kWords = {
    "account", "archive",  "audit",   "backup",  "batch",    "billing",  "branch",   "buffer",
    "build",   "cache",    "catalog", "channel", "client",   "cluster",  "commit",   "config",
    "cursor",  "customer", "daemon",  "dataset", "delivery", "document", "draft",    "editor",
    "export",  "feature",  "gateway", "group",   "handler",  "history",  "import",   "index",
    "invoice", "journal",  "kernel",  "label",   "ledger",   "library",  "listener", "metric",
    "mirror",  "module",   "notice",  "order",   "package",  "page",     "parcel",   "payment",
    "policy",  "project",  "queue",   "record",  "region",   "report",   "request",  "retry",
    "schema",  "session",  "shard",   "source",  "storage",  "tenant",   "version",  "worker"};

constexpr std::array<std::string_view, 8> kRoots = {"/var/lib", "/srv/data",  "/home/build", "/opt/app",
                                                    "/etc/app", "/usr/share", "/tmp/work",   "/mnt/store"};
constexpr std::array<std::string_view, 8> kExtensions = {".cc", ".h",   ".json", ".log",
                                                         ".md", ".txt", ".tmp",  ".db"};
constexpr std::array<std::string_view, 4> kVerbs = {"SELECT id FROM ", "UPDATE ", "INSERT INTO ",
                                                    "ALTER TABLE "};

template <size_t N>
std::string_view Pick(const std::array<std::string_view, N>& from, SampleRandom& random) {
  return from[random.Next() % N];
}

// What a cut leaves at the end must not be a separator.
void CutTo(size_t length, std::string& text) {
  text.resize(length);
  if (length > 0 && (text.back() == ' ' || text.back() == '/' || text.back() == '_' || text.back() == '\n')) {
    text.back() = 'x';
  }
}

std::string Joined(std::string text, char separator, size_t length, SampleRandom& random) {
  while (text.size() < length) {
    if (!text.empty()) text += separator;
    text += Pick(kWords, random);
  }
  CutTo(length, text);
  return text;
}

std::string Words(size_t length, SampleRandom& random) {
  std::string text;
  text.reserve(length + 16);
  while (text.size() < length) {
    text += Pick(kWords, random);
    const uint64_t end = random.Next() % 16;
    text += end == 0 ? ".\n" : end == 1 ? ", " : " ";
  }
  CutTo(length, text);
  return text;
}

std::string Path(std::string text, size_t length, SampleRandom& random) {
  text += Pick(kRoots, random);
  while (text.size() < length) {
    text += '/';
    text += Pick(kWords, random);
  }
  CutTo(length, text);
  const std::string_view extension = Pick(kExtensions, random);
  if (length >= 16) text.replace(length - extension.size(), extension.size(), extension);
  return text;
}

std::string Digits(std::string_view alphabet, size_t length, SampleRandom& random) {
  std::string text(length, '\0');
  for (char& digit : text) digit = alphabet[random.Next() % alphabet.size()];
  return text;
}

// `pattern` with every '#' a digit 1..9, repeated or cut to the length.
std::string Pattern(std::string_view pattern, size_t length, SampleRandom& random) {
  std::string text(length, '\0');
  for (size_t i = 0; i < length; ++i) {
    const char c = pattern[i % pattern.size()];
    text[i] = c == '#' ? static_cast<char>('1' + random.Next() % 9) : c;
  }
  return text;
}

std::string Json(size_t length, SampleRandom& random) {
  constexpr size_t kLastMember = 6;  // "n":""
  constexpr size_t kLongestMember = 48;
  if (length < 2 + kLastMember) return Words(length, random);
  std::string text = "{";
  text.reserve(length);
  while (length - text.size() > kLongestMember + 1 + kLastMember) {
    text += '"';
    text += Pick(kWords, random);
    text += '_';
    text += Pick(kWords, random);
    text += "\":";
    switch (random.Next() % 4) {
      case 0:
        text += Pattern("####", 4, random);
        break;
      case 1:
        text += random.Next() % 2 == 0 ? "true" : "false";
        break;
      case 2:
        text += Pattern("##.#", 4, random);
        break;
      default:
        text += '"';
        text += Joined("", ' ', random.Between(4, 20), random);
        text += '"';
    }
    text += ',';
  }
  const size_t last = length - text.size() - 1 - kLastMember;
  text += "\"n\":\"";
  text += Joined("", ' ', last, random);
  text += "\"}";
  return text;
}

}  // namespace

uint64_t SampleRandom::Next() {
  uint64_t x = state_ += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::string SampleText(TextStyle style, size_t length, SampleRandom& random) {
  switch (style) {
    case TextStyle::kName:
      return Joined("", '_', length, random);
    case TextStyle::kWords:
      return Words(length, random);
    case TextStyle::kPath:
      return Path("", length, random);
    case TextStyle::kUri:
      return Path("file://", length, random);
    case TextStyle::kHex:
      return Digits("0123456789abcdef", length, random);
    case TextStyle::kVersion:
      return Pattern("#.##.#-", length, random);
    case TextStyle::kAddress:
      return Pattern("10.1##.1##.1##,", length, random);
    case TextStyle::kMethod:
      return Pattern(random.Next() % 2 == 0 ? "POST " : "HEAD ", length, random);
    case TextStyle::kMime:
      return Pattern(random.Next() % 2 == 0 ? "text/plain;" : "image/jpeg;", length, random);
    case TextStyle::kSql: {
      const std::string_view verb = Pick(kVerbs, random);
      return Joined(std::string(verb.substr(0, verb.size() - 1)), ' ', length, random);
    }
    case TextStyle::kJson:
      return Json(length, random);
    case TextStyle::kBinary: {
      std::string bytes(length, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random.Next());
      return bytes;
    }
  }
  return std::string(length, 'x');
}

}  // namespace routebench
