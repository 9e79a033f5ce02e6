#include "loadgen/trace/cloud_events.h"

#include <fcntl.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "events/payloads/payloads.h"
#include "nlohmann/json.hpp"

namespace routebench::loadgen {
namespace {

using Json = nlohmann::json;

constexpr absl::string_view kTypePrefix = "routebench.";
constexpr absl::string_view kProtobuf = "application/protobuf";
// nlohmann's dump and protobuf's parser recurse: this bounds their stack.
constexpr int kMaxDepth = 64;
constexpr size_t kBufferBytes = size_t{256} << 10;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Wrong(const std::string& sentence) { return absl::InvalidArgumentError(sentence); }

bool IsAttributeName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

// Attributes that an Event has a place for; all others are metadata.
bool HasItsOwnPlace(const std::string& name) {
  static const auto& names = *new std::set<std::string>{
      "specversion", "id",       "source",        "type",        "time",       "datacontenttype", "data",
      "data_base64", "priority", "correlationid", "causationid", "sourcetype", "sourceinstance"};
  return names.count(name) > 0;
}

bool IsJsonType(const std::string& content_type) {
  const std::string type = absl::AsciiStrToLower(content_type.substr(0, content_type.find(';')));
  return type == "application/json" || type == "text/json" || absl::EndsWith(type, "+json");
}

// ---- Writing

// For people: which file. The body holds the path as Linux has it, as bytes; here what is not UTF-8 is
// replaced.
std::string SubjectOf(const Event& event) {
  if (CategoryOf(event.header.kind) != Category::kFilesystem || !event.payload.is_typed()) return {};
  const google::protobuf::Message& body = event.payload.message();
  const auto* path = body.GetDescriptor()->FindFieldByName("path");
  if (path == nullptr) return {};
  const Json text = body.GetReflection()->GetString(body, path);
  return Json::parse(text.dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

absl::Status AddBody(const Event& event, Json& json) {
  const Payload& body = event.payload;
  if (event.header.kind == EventKind::kCustom) {
    if (body.is_typed()) return Wrong("a custom event has a body of plain bytes");
    const std::string& content_type = AttributesOf(event).content_type;
    if (!content_type.empty()) json["datacontenttype"] = content_type;
    if (!body.bytes().empty()) json["data_base64"] = absl::Base64Escape(ToAbsl(body.bytes()));
    return absl::OkStatus();
  }
  if (!body.is_typed() || !IsMessageOf(event.header.kind, body.message())) {
    return Wrong(absl::StrCat("the body does not belong to ", ToAbsl(Name(event.header.kind))));
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(body.message(), &text, options).ok()) {
    return Wrong("the body cannot be written as JSON");
  }
  json["datacontenttype"] = "application/json";
  json["data"] = Json::parse(text);
  return absl::OkStatus();
}

absl::StatusOr<std::string> TypeOf(const Event& event) {
  const std::string& custom = AttributesOf(event).custom_name;
  if (event.header.kind != EventKind::kCustom || custom.empty()) {
    return absl::StrCat(kTypePrefix, ToAbsl(Name(event.header.kind)));
  }
  if (absl::StartsWith(custom, kTypePrefix) && ParseKind(custom.substr(kTypePrefix.size())).has_value()) {
    return Wrong(absl::StrCat("a custom event cannot be called ", custom));
  }
  return custom;
}

std::string FormatTime(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(unix_ns), absl::UTCTimeZone());
}

absl::StatusOr<Json> ToJson(const TraceEvent& traced) {
  const EventHeader& header = traced.event.header;
  const Attributes& attributes = AttributesOf(traced.event);
  auto type = TypeOf(traced.event);
  if (!type.ok()) return type.status();
  Json json = {{"specversion", "1.0"},
               {"id", ToString(header.id)},
               {"source", attributes.source.id.empty() ? "routebench" : attributes.source.id},
               {"type", *type},
               {"time", FormatTime(traced.unix_ns)}};
  if (header.priority != Priority::kNormal) json["priority"] = static_cast<int>(header.priority);
  if (!header.correlation.is_none()) json["correlationid"] = ToString(header.correlation);
  if (!header.causation.is_none()) json["causationid"] = ToString(header.causation);
  if (!attributes.source.type.empty()) json["sourcetype"] = attributes.source.type;
  if (!attributes.source.instance.empty()) json["sourceinstance"] = attributes.source.instance;
  if (const std::string subject = SubjectOf(traced.event); !subject.empty()) json["subject"] = subject;
  for (const auto& [key, value] : attributes.metadata) {
    if (!IsAttributeName(key) || HasItsOwnPlace(key) || json.contains(key)) {
      return Wrong(absl::StrCat("'", key, "' cannot be the name of an attribute of its own"));
    }
    json[key] = value;
  }
  if (absl::Status status = AddBody(traced.event, json); !status.ok()) return status;
  return json;
}

// ---- Reading

absl::StatusOr<Json> ParseLine(std::string_view line) {
  bool too_deep = false;
  std::string repeated;
  std::set<std::string> names;
  const Json::parser_callback_t check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second) repeated = name;
    }
    if (depth < kMaxDepth) return true;
    too_deep = true;
    return false;
  };
  try {
    Json json = Json::parse(line, check);
    if (too_deep) return Wrong(absl::StrCat("nested more than ", kMaxDepth, " levels deep"));
    if (!repeated.empty()) return Wrong(absl::StrCat("'", repeated, "' is there twice"));
    if (!json.is_object()) return Wrong("not a JSON object");
    return json;
  } catch (const Json::parse_error& error) {
    return Wrong(absl::StrCat("not JSON at column ", error.byte,
                              error.byte > line.size() ? ": it ends too early" : ""));
  } catch (const Json::exception& error) {
    return Wrong(absl::StrCat("not JSON: ", error.what()));
  }
}

// What `text` identifies: itself where it is an id of ours, else its hash (FNV-1a, two halves).
EventId IdOf(const std::string& text) {
  if (const auto id = ParseEventId(text); id.has_value()) return *id;
  EventId id{0xcbf29ce484222325, 0x84222325cbf29ce4};
  for (const char c : text) {
    id.high = (id.high ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    id.low = (id.low ^ (id.high >> 29)) * 0x9e3779b97f4a7c15;
  }
  return id;
}

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  absl::StatusOr<TraceEvent> Read() {
    const auto version = Required("specversion");
    if (version.ok() && *version != "1.0") {
      return Wrong(absl::StrCat("specversion is ", *version, "; this reads CloudEvents 1.0"));
    }
    auto id = Required("id");
    auto source = Required("source");
    auto type = Required("type");
    auto time = Required("time");
    for (const absl::Status& status :
         {version.status(), id.status(), source.status(), type.status(), time.status()}) {
      if (!status.ok()) return status;
    }
    traced_.event.header.id = IdOf(*id);
    attributes_.source.id = *std::move(source);
    ReadType(*type);
    for (absl::Status status : {ReadTime(*time), ReadAttributes(), ReadBody()}) {
      if (!status.ok()) return status;
    }
    traced_.event.attributes = std::make_shared<const Attributes>(std::move(attributes_));
    return std::move(traced_);
  }

 private:
  absl::StatusOr<std::string> Required(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end()) return Wrong(absl::StrCat("no '", name, "'"));
    if (!found->is_string()) return Wrong(absl::StrCat("'", name, "' is not a string"));
    const auto& text = found->get_ref<const std::string&>();
    if (text.empty()) return Wrong(absl::StrCat("'", name, "' is empty"));
    return text;
  }

  void ReadType(const std::string& type) {
    if (absl::StartsWith(type, kTypePrefix)) {
      if (const auto kind = ParseKind(type.substr(kTypePrefix.size())); kind.has_value()) {
        traced_.event.header.kind = *kind;
        return;
      }
    }
    traced_.event.header.kind = EventKind::kCustom;
    traced_.unknown_type = true;
    attributes_.custom_name = type;
  }

  absl::Status ReadTime(const std::string& text) {
    absl::Time time;
    std::string error;
    // ParseTime knows words for infinity and skips blanks, RFC 3339 neither.
    const bool plain = absl::ascii_isdigit(static_cast<unsigned char>(text.front())) &&
                       !absl::ascii_isspace(static_cast<unsigned char>(text.back()));
    if (!plain || !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
      return Wrong(absl::StrCat("'time' is not as in 2026-01-31T12:00:00.123456789Z: ", text));
    }
    if (time < absl::UnixEpoch() || time > absl::FromUnixNanos(INT64_MAX)) {
      return Wrong(absl::StrCat("'time' is not between 1970 and 2262: ", text));
    }
    traced_.unix_ns = absl::ToUnixNanos(time);
    return absl::OkStatus();
  }

  absl::Status ReadPriority(const Json& value) {
    if (!value.is_number_integer() || value < 0 || value >= static_cast<int>(kPriorityCount)) {
      return Wrong("'priority' is not 0 (critical), 1 (high), 2 (normal) or 3 (low)");
    }
    traced_.event.header.priority = static_cast<Priority>(value.get<int>());
    return absl::OkStatus();
  }

  absl::Status ReadText(const std::string& name, const Json& value) {
    if (!value.is_string()) return Wrong(absl::StrCat("'", name, "' is not a string"));
    const auto& text = value.get_ref<const std::string&>();
    if (name == "correlationid") traced_.event.header.correlation = IdOf(text);
    if (name == "causationid") traced_.event.header.causation = IdOf(text);
    if (name == "sourcetype") attributes_.source.type = text;
    if (name == "sourceinstance") attributes_.source.instance = text;
    if (name == "datacontenttype") content_type_ = text;
    return absl::OkStatus();
  }

  absl::Status ReadAttributes() {
    for (const auto& [name, value] : json_.items()) {
      if (name == "data" || name == "data_base64" || value.is_null()) continue;
      // The body says it already, and attributes that differ from event to event cannot be shared.
      if (name == "subject" && CategoryOf(traced_.event.header.kind) == Category::kFilesystem) continue;
      if (!IsAttributeName(name)) {
        return Wrong(
            absl::StrCat("'", name, "' is not an attribute's name: lower-case letters and digits only"));
      }
      absl::Status status;
      if (name == "priority") {
        status = ReadPriority(value);
      } else if (HasItsOwnPlace(name)) {
        status = ReadText(name, value);
      } else if (value.is_string()) {
        attributes_.metadata.emplace_back(name, value.get<std::string>());
      } else if (value.is_boolean() || value.is_number_integer()) {
        attributes_.metadata.emplace_back(name, value.dump());
      } else {
        status = Wrong(absl::StrCat("'", name, "' is neither a string nor a boolean nor an integer"));
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadBody() {
    if (json_.contains("data") && json_.contains("data_base64"))
      return Wrong("'data' and 'data_base64' exclude each other");
    std::string bytes;
    if (const auto found = json_.find("data_base64"); found != json_.end()) {
      if (!found->is_string() || !absl::Base64Unescape(found->get_ref<const std::string&>(), &bytes)) {
        return Wrong("'data_base64' is not base64");
      }
    }
    return traced_.unknown_type || traced_.event.header.kind == EventKind::kCustom
               ? ReadCustomBody(std::move(bytes))
               : ReadTypedBody(bytes);
  }

  absl::Status ReadCustomBody(std::string bytes) {
    if (const auto found = json_.find("data"); found != json_.end() && !found->is_null()) {
      const bool text = found->is_string() && !content_type_.empty() && !IsJsonType(content_type_);
      bytes = text ? found->get<std::string>() : found->dump();
      if (content_type_.empty()) content_type_ = "application/json";
    }
    attributes_.content_type = content_type_;
    if (!bytes.empty())
      traced_.event.payload = Payload::Bytes(std::make_shared<const std::string>(std::move(bytes)));
    return absl::OkStatus();
  }

  absl::Status ReadTypedBody(const std::string& bytes) {
    const EventKind kind = traced_.event.header.kind;
    std::shared_ptr<google::protobuf::Message> message = NewMessage(kind);
    const std::string does_not_fit = absl::StrCat("'data' does not fit ", kTypePrefix, ToAbsl(Name(kind)));
    if (const auto found = json_.find("data"); found != json_.end() && !found->is_null()) {
      if (!content_type_.empty() && !IsJsonType(content_type_))
        return Wrong(does_not_fit + ": it is not JSON");
      const auto status = google::protobuf::util::JsonStringToMessage(found->dump(), message.get());
      if (!status.ok()) return Wrong(absl::StrCat(does_not_fit, ": ", status.message().as_string()));
    } else if (json_.contains("data_base64")) {
      if (content_type_ != kProtobuf) {
        return Wrong(
            absl::StrCat("'data_base64' of a type of ours is ", kProtobuf, ", says datacontenttype"));
      }
      if (!message->ParseFromString(bytes)) return Wrong(does_not_fit);
    }
    traced_.event.payload = Payload::Typed(std::move(message));
    return absl::OkStatus();
  }

  const Json& json_;
  TraceEvent traced_;
  Attributes attributes_;
  std::string content_type_;
};

absl::Status FileError(const std::string& path, const char* what) {
  const std::string sentence = absl::StrCat(path, ": ", what, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(sentence) : absl::UnknownError(sentence);
}

}  // namespace

absl::StatusOr<std::string> ToCloudEvent(const TraceEvent& event) {
  auto json = ToJson(event);
  if (!json.ok()) return json.status();
  try {
    return json->dump();
  } catch (const Json::exception&) {
    return Wrong("an attribute is not UTF-8");
  }
}

absl::StatusOr<TraceEvent> ParseCloudEvent(std::string_view line) {
  const auto json = ParseLine(line);
  if (!json.ok()) return json.status();
  return Reader(*json).Read();
}

// ---- TraceReader

absl::StatusOr<TraceReader> TraceReader::Open(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(path, "cannot open the trace");
  return TraceReader(path, descriptor);
}

TraceReader::TraceReader(TraceReader&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)),
      position_(other.position_),
      line_(other.line_) {}

TraceReader::~TraceReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<bool> TraceReader::ReadLine(std::string& line) {
  size_t searched = position_;
  for (;;) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line.assign(buffer_, position_, end - position_);
      position_ = end + 1;
      return true;
    }
    buffer_.erase(0, position_);
    position_ = 0;
    searched = buffer_.size();
    if (buffer_.size() > kMaxLineBytes) {
      return Wrong(absl::StrCat(path_, ": line ", line_ + 1, ": longer than ", kMaxLineBytes, " bytes"));
    }
    buffer_.resize(searched + kBufferBytes);
    ssize_t got;
    do {
      got = read(descriptor_, buffer_.data() + searched, kBufferBytes);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(searched + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return FileError(path_, "cannot read the trace");
    if (got > 0) continue;
    line = std::exchange(buffer_, {});
    return !line.empty();
  }
}

absl::StatusOr<TraceEvent> TraceReader::Next() {
  std::string line;
  const auto more = ReadLine(line);
  if (!more.ok()) return more.status();
  if (!*more) return absl::OutOfRangeError("the end of the trace");
  ++line_;
  auto event = ParseCloudEvent(line);
  if (event.ok()) return event;
  return Wrong(absl::StrCat(path_, ": line ", line_, ": ", event.status().message()));
}

// ---- TraceWriter

absl::StatusOr<TraceWriter> TraceWriter::Create(const std::string& path) {
  struct stat target;
  if (stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": is there and is not a regular file"));
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int descriptor = mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return FileError(path, "cannot create a file beside it");
  return TraceWriter(path, std::move(temporary), descriptor);
}

TraceWriter::TraceWriter(TraceWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)) {}

TraceWriter::~TraceWriter() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status TraceWriter::Write(const TraceEvent& event) {
  const auto line = ToCloudEvent(event);
  if (!line.ok()) return line.status();
  absl::StrAppend(&buffer_, *line, "\n");
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status TraceWriter::Flush() {
  for (size_t done = 0; done < buffer_.size();) {
    const ssize_t written = write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(path_, "cannot write the trace");
    done += static_cast<size_t>(written);
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status TraceWriter::Commit() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  if (fchmod(descriptor_, 0644) != 0 || fsync(descriptor_) != 0)
    return FileError(path_, "cannot sync the trace");
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    return FileError(path_, "cannot put the trace in its place");
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace routebench::loadgen
