#include "events/payloads/payloads.h"

#include <payloads.pb.h>

#include <array>

namespace routebench {
namespace {

using google::protobuf::Message;

template <typename M>
const Message& Prototype() {
  return M::default_instance();
}

// By the kind's number; custom, the last, has none.
constexpr std::array<const Message& (*)(), kKindCount> kPrototypes = {
    Prototype<payloads::FileCreated>,
    Prototype<payloads::FileModified>,
    Prototype<payloads::FileDeleted>,
    Prototype<payloads::FileMoved>,
    Prototype<payloads::DirectoryCreated>,
    Prototype<payloads::DirectoryDeleted>,
    Prototype<payloads::FileBatch>,
    Prototype<payloads::RecordCreated>,
    Prototype<payloads::RecordUpdated>,
    Prototype<payloads::RecordDeleted>,
    Prototype<payloads::TableCreated>,
    Prototype<payloads::TableDropped>,
    Prototype<payloads::SchemaChanged>,
    Prototype<payloads::TransactionStarted>,
    Prototype<payloads::TransactionCommitted>,
    Prototype<payloads::TransactionRolledBack>,
    Prototype<payloads::ExternalData>,
    Prototype<payloads::WebhookReceived>,
    Prototype<payloads::ApiCallCompleted>,
    Prototype<payloads::StreamBytes>,
    Prototype<payloads::Notification>,
    Prototype<payloads::ToolCall>,
    Prototype<payloads::ToolResponse>,
    Prototype<payloads::ToolError>,
    Prototype<payloads::ResourceRequested>,
    Prototype<payloads::ResourceProvided>,
    Prototype<payloads::ContextUpdated>,
    Prototype<payloads::ServiceRegistered>,
    Prototype<payloads::ServiceUnregistered>,
    Prototype<payloads::HealthCheck>,
    Prototype<payloads::StatusChanged>,
    Prototype<payloads::ConfigurationChanged>,
    Prototype<payloads::RequestReceived>,
    Prototype<payloads::ResponseSent>,
    Prototype<payloads::ServiceRestarted>,
    Prototype<payloads::SystemStarted>,
    Prototype<payloads::SystemStopped>,
    Prototype<payloads::ConfigurationReloaded>,
    Prototype<payloads::EmergencyShutdown>,
    Prototype<payloads::MaintenanceStarted>,
    Prototype<payloads::MaintenanceCompleted>,
    Prototype<payloads::MetricsCollected>,
    Prototype<payloads::LogRotated>,
    Prototype<payloads::BackupCompleted>,
    nullptr,
};
static_assert(static_cast<size_t>(EventKind::kCustom) == kKindCount - 1);

}  // namespace

std::unique_ptr<Message> NewMessage(EventKind kind) {
  const auto prototype = kPrototypes[static_cast<size_t>(kind)];
  return prototype == nullptr ? nullptr : std::unique_ptr<Message>(prototype().New());
}

bool IsMessageOf(EventKind kind, const Message& message) {
  const auto prototype = kPrototypes[static_cast<size_t>(kind)];
  if (prototype == nullptr) return false;
  const Message& expected = prototype();
  return typeid(expected) == typeid(message);
}

}  // namespace routebench
