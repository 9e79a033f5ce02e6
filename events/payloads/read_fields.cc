#include "events/payloads/read_fields.h"

#include <payloads.pb.h>

#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

namespace routebench {
namespace {

namespace pb = ::routebench::payloads;

template <typename T>
uint64_t Load(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

// Odd, and even: keys that start at the first and advance by the second stay odd.
constexpr uint64_t kFirstKey = 0xa0761d6478bd642f;
constexpr uint64_t kSecondKey = 0xe7037ed1a0b428db;
constexpr uint64_t kKeyStep = 2 * 0x9e3779b97f4a7c15;

// Both halves of the product, so that no bit of a factor gets lost.
uint64_t Multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// Sixteen bytes a step; the products do not wait for each other.
uint64_t DigestOf(std::string_view text) {
  const char* in = text.data();
  const size_t size = text.size();
  uint64_t key = kFirstKey;
  uint64_t sum = size * kKeyStep;
  const auto add = [&](uint64_t a, uint64_t b) {
    sum += Multiply(a ^ key, b ^ kSecondKey);
    key += kKeyStep;
  };
  if (size > 16) {
    const char* last = in + size - 16;
    for (; in < last; in += 16) add(Load<uint64_t>(in), Load<uint64_t>(in + 8));
    add(Load<uint64_t>(last), Load<uint64_t>(last + 8));  // may overlap the step before
  } else if (size >= 8) {
    add(Load<uint64_t>(in), Load<uint64_t>(in + size - 8));
  } else if (size >= 4) {
    add(Load<uint32_t>(in), Load<uint32_t>(in + size - 4));
  } else if (size > 0) {
    add(Load<uint8_t>(in) | Load<uint8_t>(in + size / 2) << 8, Load<uint8_t>(in + size - 1));
  }
  return sum;
}

// A multilinear sum over the fields: word i times an odd key that depends on i. A change of a single word
// always changes it.
class Digest {
 public:
  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (Field(fields), ...);
  }
  uint64_t sum() const { return sum_; }

 private:
  void Field(const std::string& text) { Word(DigestOf(text)); }
  void Field(double number) { Word(std::bit_cast<uint64_t>(number)); }
  void Field(float number) { Word(std::bit_cast<uint32_t>(number)); }
  template <typename T>
  void Field(const google::protobuf::RepeatedField<T>& numbers) {
    Word(static_cast<uint64_t>(numbers.size()));
    for (const T& number : numbers) Field(number);
  }
  template <typename T>
  void Field(const google::protobuf::RepeatedPtrField<T>& elements) {
    Word(static_cast<uint64_t>(elements.size()));
    for (const T& element : elements) Field(element);
  }
  template <typename T>
  void Field(const T& field) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      Word(static_cast<uint64_t>(field));
    } else {
      Read(*this, field);
    }
  }

  void Word(uint64_t word) {
    // Brings the high bits down: a difference of keys, which is even, could push them out.
    sum_ += (word ^ (word >> 29)) * key_;
    key_ += kKeyStep;
  }

  uint64_t sum_ = 0;
  uint64_t key_ = kFirstKey;
};

// ---- Filesystem

void Read(Digest& d, const pb::ExtendedAttribute& m) { d(m.name(), m.value()); }
void Read(Digest& d, const pb::FileCreated& m) {
  d(m.path(), m.inode(), m.size_bytes(), m.mode(), m.uid(), m.gid(), m.modified_unix_ns(), m.content_crc32c(),
    m.extended_attributes(), m.content_head());
}
void Read(Digest& d, const pb::ByteRange& m) { d(m.offset(), m.length(), m.content_crc32c()); }
void Read(Digest& d, const pb::FileModified& m) {
  d(m.path(), m.inode(), m.size_bytes(), m.size_change_bytes(), m.modified_unix_ns(), m.content_crc32c(),
    m.old_content_crc32c(), m.changed_ranges(), m.diff());
}
void Read(Digest& d, const pb::FileDeleted& m) {
  d(m.path(), m.inode(), m.size_bytes(), m.mode(), m.links_left(), m.deleted_unix_ns(), m.process(),
    m.extended_attributes(), m.command_line());
}
void Read(Digest& d, const pb::FileMoved& m) {
  d(m.path(), m.old_path(), m.inode(), m.size_bytes(), m.cookie(), m.across_directories(),
    m.replaced_target(), m.content_crc32c(), m.extended_attributes(), m.command_line());
}
void Read(Digest& d, const pb::DirectoryCreated& m) {
  d(m.path(), m.inode(), m.parent_inode(), m.mode(), m.uid(), m.gid(), m.created_unix_ns(),
    m.extended_attributes(), m.command_line());
}
void Read(Digest& d, const pb::DirectoryDeleted& m) {
  d(m.path(), m.inode(), m.entries_removed(), m.bytes_freed(), m.recursive(), m.deleted_unix_ns(),
    m.removed_names(), m.command_line());
}
void Read(Digest& d, const pb::FileChange& m) {
  d(m.operation(), m.path(), m.inode(), m.size_bytes(), m.since_start_ns());
}
void Read(Digest& d, const pb::FileBatch& m) {
  d(m.path(), m.first_unix_ns(), m.span_ns(), m.dropped(), m.overflowed(), m.changes(), m.listing());
}

// ---- Database

template <typename M>
void ReadValue(Digest& d, const M& m) {
  d(m.value_case());
  switch (m.value_case()) {
    case M::kText:
      d(m.text());
      break;
    case M::kInteger:
      d(m.integer());
      break;
    case M::kReal:
      d(m.real());
      break;
    case M::kFlag:
      d(m.flag());
      break;
    case M::kBlob:
      d(m.blob());
      break;
    case M::kIsNull:
      d(m.is_null());
      break;
    case M::VALUE_NOT_SET:
      break;
  }
}

void Read(Digest& d, const pb::Column& m) {
  d(m.name());
  ReadValue(d, m);
}
void Read(Digest& d, const pb::ColumnChange& m) {
  d(m.name(), m.old_value_case());
  ReadValue(d, m);
  switch (m.old_value_case()) {
    case pb::ColumnChange::kOldText:
      d(m.old_text());
      break;
    case pb::ColumnChange::kOldInteger:
      d(m.old_integer());
      break;
    case pb::ColumnChange::kOldReal:
      d(m.old_real());
      break;
    case pb::ColumnChange::kOldFlag:
      d(m.old_flag());
      break;
    case pb::ColumnChange::kOldBlob:
      d(m.old_blob());
      break;
    case pb::ColumnChange::kOldIsNull:
      d(m.old_is_null());
      break;
    case pb::ColumnChange::OLD_VALUE_NOT_SET:
      break;
  }
}
void Read(Digest& d, const pb::RecordCreated& m) {
  d(m.table(), m.schema(), m.primary_key(), m.transaction_id(), m.log_position(), m.columns(), m.document());
}
void Read(Digest& d, const pb::RecordUpdated& m) {
  d(m.table(), m.schema(), m.primary_key(), m.transaction_id(), m.log_position(), m.row_version(),
    m.columns(), m.document());
}
void Read(Digest& d, const pb::RecordDeleted& m) {
  d(m.table(), m.schema(), m.primary_key(), m.transaction_id(), m.log_position(), m.cascaded(), m.columns(),
    m.document());
}
void Read(Digest& d, const pb::ColumnDefinition& m) {
  d(m.name(), m.type(), m.nullable(), m.indexed(), m.default_expression());
}
void Read(Digest& d, const pb::TableCreated& m) {
  d(m.table(), m.schema(), m.object_id(), m.owner(), m.transaction_id(), m.columns(), m.statement());
}
void Read(Digest& d, const pb::TableDropped& m) {
  d(m.table(), m.schema(), m.object_id(), m.rows_removed(), m.bytes_freed(), m.cascade(), m.dependent_names(),
    m.statement());
}
void Read(Digest& d, const pb::SchemaChange& m) {
  d(m.change_case());
  switch (m.change_case()) {
    case pb::SchemaChange::kAdded:
      d(m.added());
      break;
    case pb::SchemaChange::kDropped:
      d(m.dropped());
      break;
    case pb::SchemaChange::kAltered:
      d(m.altered());
      break;
    case pb::SchemaChange::CHANGE_NOT_SET:
      break;
  }
}
void Read(Digest& d, const pb::SchemaChanged& m) {
  d(m.table(), m.schema(), m.from_version(), m.to_version(), m.online(), m.duration_ns(), m.changes(),
    m.statement());
}
void Read(Digest& d, const pb::TransactionStarted& m) {
  d(m.session(), m.transaction_id(), m.snapshot(), m.isolation(), m.read_only(), m.started_unix_ns(),
    m.table_names(), m.statement());
}
void Read(Digest& d, const pb::TableCount& m) { d(m.table(), m.inserted(), m.updated(), m.deleted()); }
void Read(Digest& d, const pb::TransactionCommitted& m) {
  d(m.session(), m.transaction_id(), m.log_position(), m.duration_ns(), m.log_bytes(), m.committed_unix_ns(),
    m.counts(), m.statement());
}
void Read(Digest& d, const pb::TransactionRolledBack& m) {
  d(m.session(), m.transaction_id(), m.duration_ns(), m.error_code(), m.deadlock(), m.blocking_transactions(),
    m.reason());
}

// ---- External

void Read(Digest& d, const pb::NamedText& m) { d(m.name(), m.text()); }
void Read(Digest& d, const pb::ExternalData& m) {
  d(m.feed(), m.offset(), m.partition(), m.received_unix_ns(), m.content_crc32c(), m.headers(),
    m.body_json());
}
void Read(Digest& d, const pb::WebhookReceived& m) {
  d(m.url_path(), m.http_method(), m.remote_address(), m.signature(), m.signature_valid(), m.headers(),
    m.body_json());
}
void Read(Digest& d, const pb::ApiCallCompleted& m) {
  d(m.url_path(), m.http_method(), m.http_status(), m.latency_ns(), m.attempts(), m.request_bytes(),
    m.from_cache(), m.headers(), m.body_json());
}
void Read(Digest& d, const pb::StreamBytes& m) {
  d(m.stream(), m.offset(), m.partition(), m.content_crc32c(), m.end_of_stream(), m.frame_sizes(), m.chunk());
}
void Read(Digest& d, const pb::Notification& m) {
  d(m.title(), m.recipient(), m.severity(), m.sent_unix_ns(), m.relevance(), m.silent(), m.actions(),
    m.message());
}

// ---- Mcp

void Read(Digest& d, const pb::ToolCall& m) {
  d(m.tool(), m.session(), m.request_id(), m.rpc_method(), m.timeout_ns(), m.annotations(), m.params_json());
}
void Read(Digest& d, const pb::ToolContent& m) {
  d(m.mime_type(), m.content_case());
  switch (m.content_case()) {
    case pb::ToolContent::kText:
      d(m.text());
      break;
    case pb::ToolContent::kUri:
      d(m.uri());
      break;
    case pb::ToolContent::kImage:
      d(m.image());
      break;
    case pb::ToolContent::kNumber:
      d(m.number());
      break;
    case pb::ToolContent::CONTENT_NOT_SET:
      break;
  }
}
void Read(Digest& d, const pb::ToolResponse& m) {
  d(m.tool(), m.session(), m.request_id(), m.duration_ns(), m.structured(), m.contents(), m.result_json());
}
void Read(Digest& d, const pb::ToolError& m) {
  d(m.tool(), m.session(), m.request_id(), m.error_code(), m.retryable(), m.reason(), m.frames(),
    m.data_json());
}
void Read(Digest& d, const pb::ResourceRequested& m) {
  d(m.uri(), m.session(), m.request_id(), m.mime_type(), m.max_bytes(), m.entity_tag(), m.headers(),
    m.params_json());
}
void Read(Digest& d, const pb::ResourceProvided& m) {
  d(m.uri(), m.session(), m.request_id(), m.mime_type(), m.entity_tag(), m.modified_unix_ns(),
    m.annotations(), m.content());
}
void Read(Digest& d, const pb::ContextEntry& m) { d(m.name(), m.text(), m.tokens(), m.relevance()); }
void Read(Digest& d, const pb::ContextUpdated& m) {
  d(m.session(), m.request_id(), m.revision(), m.tokens_used(), m.tokens_limit(), m.entries(), m.summary());
}

// ---- Service

void Read(Digest& d, const pb::ServiceRegistered& m) {
  d(m.service(), m.instance(), m.remote_address(), m.port(), m.weight(), m.max_concurrent(), m.version(),
    m.metadata(), m.description());
}
void Read(Digest& d, const pb::ServiceUnregistered& m) {
  d(m.service(), m.instance(), m.uptime_ns(), m.requests_served(), m.orderly(), m.metadata(), m.reason());
}
void Read(Digest& d, const pb::ProbeResult& m) { d(m.name(), m.state(), m.latency_ns(), m.text()); }
void Read(Digest& d, const pb::HealthCheck& m) {
  d(m.service(), m.instance(), m.state(), m.latency_ns(), m.cpu_load(), m.memory_bytes(), m.probes(),
    m.log_excerpt());
}
void Read(Digest& d, const pb::StatusChanged& m) {
  d(m.service(), m.instance(), m.state(), m.old_state(), m.changed_unix_ns(), m.consecutive_failures(),
    m.metadata(), m.reason());
}
void Read(Digest& d, const pb::SettingChange& m) { d(m.name(), m.text(), m.old_text(), m.line()); }
void Read(Digest& d, const pb::ConfigurationChanged& m) {
  d(m.service(), m.author(), m.revision(), m.content_crc32c(), m.restart_needed(), m.changes(), m.diff());
}
void Read(Digest& d, const pb::RequestReceived& m) {
  d(m.service(), m.rpc_method(), m.request_id(), m.remote_address(), m.timeout_ns(), m.trace_id(),
    m.headers(), m.body_json());
}
void Read(Digest& d, const pb::ResponseSent& m) {
  d(m.service(), m.rpc_method(), m.request_id(), m.status_code(), m.latency_ns(), m.trace_id(), m.headers(),
    m.body_json());
}
void Read(Digest& d, const pb::ServiceRestarted& m) {
  d(m.service(), m.instance(), m.process_id(), m.old_process_id(), m.exit_status(), m.downtime_ns(),
    m.restarts(), m.frames(), m.log_excerpt());
}

// ---- System

void Read(Digest& d, const pb::SystemStarted& m) {
  d(m.host(), m.version(), m.boot_id(), m.cpus(), m.memory_bytes(), m.started_unix_ns(), m.settings(),
    m.command_line());
}
void Read(Digest& d, const pb::SystemStopped& m) {
  d(m.host(), m.uptime_ns(), m.exit_status(), m.events_handled(), m.orderly(), m.counters(), m.reason());
}
void Read(Digest& d, const pb::ConfigurationReloaded& m) {
  d(m.path(), m.revision(), m.duration_ns(), m.warnings(), m.content_crc32c(), m.changes(), m.diff());
}
void Read(Digest& d, const pb::EmergencyShutdown& m) {
  d(m.host(), m.severity(), m.signal(), m.temperature_celsius(), m.events_lost(), m.frames(), m.reason());
}
void Read(Digest& d, const pb::MaintenanceStarted& m) {
  d(m.window(), m.operator_name(), m.starts_unix_ns(), m.planned_ns(), m.read_only(), m.service_names(),
    m.description());
}
void Read(Digest& d, const pb::MaintenanceTask& m) {
  d(m.name(), m.duration_ns(), m.succeeded(), m.exit_status());
}
void Read(Digest& d, const pb::MaintenanceCompleted& m) {
  d(m.window(), m.operator_name(), m.duration_ns(), m.failed_tasks(), m.extended(), m.tasks(), m.summary());
}
void Read(Digest& d, const pb::NamedNumber& m) { d(m.name(), m.value()); }
void Read(Digest& d, const pb::MetricsCollected& m) {
  d(m.host(), m.collected_unix_ns(), m.span_ns(), m.sequence(), m.cpu_load(), m.metrics(),
    m.histogram_counts(), m.exposition());
}
void Read(Digest& d, const pb::LogRotated& m) {
  d(m.path(), m.old_path(), m.size_bytes(), m.lines(), m.generations(), m.compressed(), m.removed_names(),
    m.log_excerpt());
}
void Read(Digest& d, const pb::BackupPart& m) { d(m.path(), m.size_bytes(), m.digest(), m.duration_ns()); }
void Read(Digest& d, const pb::BackupCompleted& m) {
  d(m.backup(), m.size_bytes(), m.files(), m.duration_ns(), m.compression_ratio(), m.digest(),
    m.incremental(), m.parts(), m.manifest_json());
}

// ---- By kind

template <typename M>
uint64_t ReadAs(const google::protobuf::Message& message) {
  Digest digest;
  Read(digest, static_cast<const M&>(message));
  return digest.sum();
}

// Without custom, the last kind, which has no message.
constexpr std::array<uint64_t (*)(const google::protobuf::Message&), kKindCount - 1> kReaders = {
    ReadAs<pb::FileCreated>,
    ReadAs<pb::FileModified>,
    ReadAs<pb::FileDeleted>,
    ReadAs<pb::FileMoved>,
    ReadAs<pb::DirectoryCreated>,
    ReadAs<pb::DirectoryDeleted>,
    ReadAs<pb::FileBatch>,
    ReadAs<pb::RecordCreated>,
    ReadAs<pb::RecordUpdated>,
    ReadAs<pb::RecordDeleted>,
    ReadAs<pb::TableCreated>,
    ReadAs<pb::TableDropped>,
    ReadAs<pb::SchemaChanged>,
    ReadAs<pb::TransactionStarted>,
    ReadAs<pb::TransactionCommitted>,
    ReadAs<pb::TransactionRolledBack>,
    ReadAs<pb::ExternalData>,
    ReadAs<pb::WebhookReceived>,
    ReadAs<pb::ApiCallCompleted>,
    ReadAs<pb::StreamBytes>,
    ReadAs<pb::Notification>,
    ReadAs<pb::ToolCall>,
    ReadAs<pb::ToolResponse>,
    ReadAs<pb::ToolError>,
    ReadAs<pb::ResourceRequested>,
    ReadAs<pb::ResourceProvided>,
    ReadAs<pb::ContextUpdated>,
    ReadAs<pb::ServiceRegistered>,
    ReadAs<pb::ServiceUnregistered>,
    ReadAs<pb::HealthCheck>,
    ReadAs<pb::StatusChanged>,
    ReadAs<pb::ConfigurationChanged>,
    ReadAs<pb::RequestReceived>,
    ReadAs<pb::ResponseSent>,
    ReadAs<pb::ServiceRestarted>,
    ReadAs<pb::SystemStarted>,
    ReadAs<pb::SystemStopped>,
    ReadAs<pb::ConfigurationReloaded>,
    ReadAs<pb::EmergencyShutdown>,
    ReadAs<pb::MaintenanceStarted>,
    ReadAs<pb::MaintenanceCompleted>,
    ReadAs<pb::MetricsCollected>,
    ReadAs<pb::LogRotated>,
    ReadAs<pb::BackupCompleted>,
};

}  // namespace

uint64_t ReadFields(EventKind kind, const Payload& payload) {
  return payload.is_typed() ? kReaders[static_cast<size_t>(kind)](payload.message())
                            : DigestOf(payload.bytes());
}

}  // namespace routebench
