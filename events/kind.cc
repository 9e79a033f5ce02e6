#include "events/kind.h"

#include <array>

namespace routebench {
namespace {

struct KindInfo {
  EventKind kind;
  Category category;
  std::string_view name;
};

constexpr std::array<std::string_view, kCategoryCount> kCategoryNames = {
    "filesystem", "database", "external", "mcp", "service", "system", "custom"};

constexpr std::array<KindInfo, kKindCount> kKinds = {{
    {EventKind::kFileCreated, Category::kFilesystem, "filesystem.file_created"},
    {EventKind::kFileModified, Category::kFilesystem, "filesystem.file_modified"},
    {EventKind::kFileDeleted, Category::kFilesystem, "filesystem.file_deleted"},
    {EventKind::kFileMoved, Category::kFilesystem, "filesystem.file_moved"},
    {EventKind::kDirectoryCreated, Category::kFilesystem, "filesystem.directory_created"},
    {EventKind::kDirectoryDeleted, Category::kFilesystem, "filesystem.directory_deleted"},
    {EventKind::kFileBatch, Category::kFilesystem, "filesystem.file_batch"},
    {EventKind::kRecordCreated, Category::kDatabase, "database.record_created"},
    {EventKind::kRecordUpdated, Category::kDatabase, "database.record_updated"},
    {EventKind::kRecordDeleted, Category::kDatabase, "database.record_deleted"},
    {EventKind::kTableCreated, Category::kDatabase, "database.table_created"},
    {EventKind::kTableDropped, Category::kDatabase, "database.table_dropped"},
    {EventKind::kSchemaChanged, Category::kDatabase, "database.schema_changed"},
    {EventKind::kTransactionStarted, Category::kDatabase, "database.transaction_started"},
    {EventKind::kTransactionCommitted, Category::kDatabase, "database.transaction_committed"},
    {EventKind::kTransactionRolledBack, Category::kDatabase, "database.transaction_rolled_back"},
    {EventKind::kExternalData, Category::kExternal, "external.data"},
    {EventKind::kWebhookReceived, Category::kExternal, "external.webhook_received"},
    {EventKind::kApiCallCompleted, Category::kExternal, "external.api_call_completed"},
    {EventKind::kStreamBytes, Category::kExternal, "external.stream_bytes"},
    {EventKind::kNotification, Category::kExternal, "external.notification"},
    {EventKind::kToolCall, Category::kMcp, "mcp.tool_call"},
    {EventKind::kToolResponse, Category::kMcp, "mcp.tool_response"},
    {EventKind::kToolError, Category::kMcp, "mcp.tool_error"},
    {EventKind::kResourceRequested, Category::kMcp, "mcp.resource_requested"},
    {EventKind::kResourceProvided, Category::kMcp, "mcp.resource_provided"},
    {EventKind::kContextUpdated, Category::kMcp, "mcp.context_updated"},
    {EventKind::kServiceRegistered, Category::kService, "service.registered"},
    {EventKind::kServiceUnregistered, Category::kService, "service.unregistered"},
    {EventKind::kHealthCheck, Category::kService, "service.health_check"},
    {EventKind::kStatusChanged, Category::kService, "service.status_changed"},
    {EventKind::kConfigurationChanged, Category::kService, "service.configuration_changed"},
    {EventKind::kRequestReceived, Category::kService, "service.request_received"},
    {EventKind::kResponseSent, Category::kService, "service.response_sent"},
    {EventKind::kServiceRestarted, Category::kService, "service.restarted"},
    {EventKind::kSystemStarted, Category::kSystem, "system.started"},
    {EventKind::kSystemStopped, Category::kSystem, "system.stopped"},
    {EventKind::kConfigurationReloaded, Category::kSystem, "system.configuration_reloaded"},
    {EventKind::kEmergencyShutdown, Category::kSystem, "system.emergency_shutdown"},
    {EventKind::kMaintenanceStarted, Category::kSystem, "system.maintenance_started"},
    {EventKind::kMaintenanceCompleted, Category::kSystem, "system.maintenance_completed"},
    {EventKind::kMetricsCollected, Category::kSystem, "system.metrics_collected"},
    {EventKind::kLogRotated, Category::kSystem, "system.log_rotated"},
    {EventKind::kBackupCompleted, Category::kSystem, "system.backup_completed"},
    {EventKind::kCustom, Category::kCustom, "custom"},
}};

constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (static_cast<size_t>(kKinds[i].kind) != i) return false;
  }
  return true;
}
static_assert(TableIsInOrder(), "kKinds is indexed by the kind's number");

}  // namespace

Category CategoryOf(EventKind kind) { return kKinds[static_cast<size_t>(kind)].category; }

std::string_view Name(Category category) { return kCategoryNames[static_cast<size_t>(category)]; }

std::string_view Name(EventKind kind) { return kKinds[static_cast<size_t>(kind)].name; }

std::optional<Category> ParseCategory(std::string_view name) {
  for (size_t i = 0; i < kCategoryNames.size(); ++i) {
    if (kCategoryNames[i] == name) return static_cast<Category>(i);
  }
  return std::nullopt;
}

std::optional<EventKind> ParseKind(std::string_view name) {
  for (const KindInfo& info : kKinds) {
    if (info.name == name) return info.kind;
  }
  return std::nullopt;
}

KindSet KindSet::Of(Category category) {
  KindSet set;
  for (const KindInfo& info : kKinds) {
    if (info.category == category) set = set.With(info.kind);
  }
  return set;
}

}  // namespace routebench
