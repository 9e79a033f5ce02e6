#include "analysis/record/run_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "analysis/record/histogram.h"
#include "analysis/record/stages.h"

namespace routebench::record {
namespace {

constexpr size_t kMaxRecordBytes = size_t{256} << 20;
const std::string& Magic() {
  static const std::string& magic = *new std::string(absl::StrCat(kRunSchema, "\n"));
  return magic;
}

// CRC-32C as in events/codec.h; this room depends on no other.
uint32_t Checksum(const std::string& bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

absl::Status FileError(const std::string& path, const char* what) {
  return absl::UnknownError(absl::StrCat(path, ": ", what, ": ", std::strerror(errno)));
}

bool WriteAll(int descriptor, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    done += static_cast<size_t>(written);
  }
  return true;
}

absl::Status WriteFileAtomically(const std::string& bytes, const std::string& path) {
  struct stat target;
  if (stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is there and is not a regular file"));
  }
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int descriptor = mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return FileError(path, "cannot create a file beside it");
  absl::Status status;
  if (!WriteAll(descriptor, bytes)) {
    status = FileError(path, "cannot write the record");
  } else if (fsync(descriptor) != 0) {
    status = FileError(path, "cannot sync the record");
  } else if (fchmod(descriptor, 0644) != 0) {
    status = FileError(path, "cannot set the record's mode");
  }
  if (close(descriptor) != 0 && status.ok()) status = FileError(path, "cannot close the record");
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    status = FileError(path, "cannot rename the record");
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

template <typename T>
T Load(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

absl::Status Untrusted(const std::string& why) { return absl::InvalidArgumentError(why); }

size_t HeadBytes() { return Magic().size() + sizeof(uint64_t) + sizeof(uint32_t); }

// A file that never ends is one that is too long.
std::string ReadAtMost(std::istream& file, size_t most) {
  std::string bytes;
  std::string piece(size_t{1} << 20, '\0');
  while (bytes.size() < most &&
         file.read(piece.data(), static_cast<std::streamsize>(piece.size())).gcount() > 0) {
    bytes.append(piece, 0, static_cast<size_t>(file.gcount()));
  }
  return bytes;
}

absl::Status CheckHistogram(const HistogramData& data, const char* what, uint64_t expected) {
  const auto histogram = Histogram::FromData(data);
  if (!histogram.ok()) return histogram.status();
  if (histogram->count() == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the histogram of ", what, " holds ", histogram->count(),
                                                 " values where ", expected, " were counted"));
}

// The closed sets of events/outcome.h, which this room does not see.
constexpr std::string_view kAnswers[] = {"accepted", "would_block", "too_large", "invalid", "closed"};
constexpr std::string_view kOutcomes[] = {
    "delivered",      "unrouted",        "expired",          "dropped_queue_full",
    "dropped_newest", "dropped_oldest",  "dropped_deadline", "dropped_unsubscribed",
    "dropped_closed", "dropped_corrupt", "rejected",         "lost_with_peer",
    "duplicate",      "dead_lettered",   "timed_out",        "breaker_open"};

template <size_t n>
absl::Status CheckNames(const google::protobuf::RepeatedPtrField<NamedCount>& counts, const char* what,
                        const std::string_view (&known)[n]) {
  for (const NamedCount& count : counts) {
    if (std::find(std::begin(known), std::end(known), count.name()) == std::end(known)) {
      return absl::InvalidArgumentError(absl::StrCat("unknown ", what, " ", count.name()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPlan(const RunPlan& plan) {
  if (plan.backend().empty()) return absl::InvalidArgumentError("its plan names no backend");
  for (const double figure : {plan.rate_per_s(), plan.fan_out(), plan.speed()}) {
    if (!std::isfinite(figure) || figure < 0) {
      return absl::InvalidArgumentError(
          "its plan has a rate, fan-out or speed that is not a positive number");
    }
  }
  for (const double weight : plan.weights()) {
    if (!std::isfinite(weight) || weight <= 0)
      return absl::InvalidArgumentError("its plan has a weight that is not a positive number");
  }
  // Written so that what is no number is refused.
  if (!(plan.handler().failures() >= 0 && plan.handler().failures() <= 1))
    return absl::InvalidArgumentError("its plan has a share of failures that is not between 0 and 1");
  return absl::OkStatus();
}

absl::Status CheckCell(const Cell& cell) {
  if (cell.delivered() > cell.expected()) {
    return absl::InvalidArgumentError(absl::StrCat(cell.phase(), "/", cell.category(), " delivered ",
                                                   cell.delivered(), " events where ", cell.expected(),
                                                   " were expected"));
  }
  for (const HistogramData* data : {&cell.response(), &cell.service()}) {
    if (absl::Status status = CheckHistogram(*data, "deliveries", cell.delivered()); !status.ok())
      return status;
  }
  for (const HistogramData* data : {&cell.self_lag(), &cell.blocked()}) {
    if (absl::Status status = CheckHistogram(*data, "offers", cell.offered()); !status.ok()) return status;
  }
  if (cell.answered() > cell.offered()) {
    return absl::InvalidArgumentError(absl::StrCat(cell.phase(), "/", cell.category(), " has ",
                                                   cell.answered(), " answers to ", cell.offered(),
                                                   " requests"));
  }
  if (!cell.has_round_trip() && cell.answered() == 0) return absl::OkStatus();
  return CheckHistogram(cell.round_trip(), "answers", cell.answered());
}

absl::Status CheckBooks(const BooksRecord& books) {
  if (absl::Status status = CheckNames(books.answers(), "answer", kAnswers); !status.ok()) return status;
  if (absl::Status status = CheckNames(books.outcomes(), "outcome", kOutcomes); !status.ok()) return status;
  uint64_t settled = 0;
  for (const NamedCount& outcome : books.outcomes()) settled += outcome.count();
  if (books.balanced() && books.routed() != settled + books.in_flight()) {
    return absl::InvalidArgumentError("the books are called balanced and are not");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeRunRecord(const RunRecord& record) {
  RunRecord with_schema = record;
  with_schema.set_schema(kRunSchema);
  const std::string body = with_schema.SerializeAsString();
  const uint64_t length = body.size();
  const uint32_t checksum = Checksum(body);
  std::string bytes = Magic();
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  bytes.append(body);
  return bytes;
}

absl::StatusOr<RunRecord> DecodeRunRecord(const std::string& bytes) {
  if (bytes.compare(0, Magic().size(), Magic()) != 0) {
    if (bytes.rfind("routebench.run.", 0) == 0) {
      return Untrusted(absl::StrCat("written by a later version (", bytes.substr(0, bytes.find('\n')),
                                    "); this one reads ", kRunSchema));
    }
    return Untrusted("not a run record");
  }
  const size_t head = HeadBytes();
  if (bytes.size() < head) return Untrusted("truncated: the record ends inside its header");
  const auto length = Load<uint64_t>(bytes, Magic().size());
  if (length > kMaxRecordBytes) return Untrusted("damaged: the record announces an impossible length");
  if (bytes.size() - head != length) {
    return Untrusted(absl::StrCat(bytes.size() - head < length ? "truncated" : "damaged",
                                  ": the record announces ", length, " bytes and holds ",
                                  bytes.size() - head));
  }
  const std::string body = bytes.substr(head);
  if (Checksum(body) != Load<uint32_t>(bytes, Magic().size() + sizeof(uint64_t))) {
    return Untrusted("damaged: the checksum does not match the content");
  }
  RunRecord record;
  if (!record.ParseFromString(body)) return Untrusted("damaged: the content cannot be decoded");
  if (record.schema() != kRunSchema) return Untrusted(absl::StrCat("unknown schema ", record.schema()));
  if (absl::Status status = CheckRunRecord(record); !status.ok()) {
    return Untrusted(absl::StrCat("contradicts itself: ", status.message()));
  }
  return record;
}

absl::Status WriteRunRecord(const RunRecord& record, const std::string& path) {
  return WriteFileAtomically(EncodeRunRecord(record), path);
}

absl::StatusOr<RunRecord> ReadRunRecord(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Untrusted(absl::StrCat(path, ": a directory, not a run record"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  auto record = DecodeRunRecord(ReadAtMost(file, HeadBytes() + kMaxRecordBytes + 1));
  if (!record.ok()) return Untrusted(absl::StrCat(path, ": ", record.status().message()));
  return record;
}

absl::Status CheckRunRecord(const RunRecord& record) {
  if (absl::Status status = CheckPlan(record.plan()); !status.ok()) return status;
  for (const Cell& cell : record.cells()) {
    if (absl::Status status = CheckCell(cell); !status.ok()) return status;
  }
  if (absl::Status status = CheckStages(record.stages()); !status.ok()) return status;
  return CheckBooks(record.books());
}

}  // namespace routebench::record
