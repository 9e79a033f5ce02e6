// What can happen: categories and kinds (R2). The numbers are part of the wire and record formats: never
// reuse one.
#ifndef ROUTEBENCH_EVENTS_KIND_H_
#define ROUTEBENCH_EVENTS_KIND_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace routebench {

enum class Category : uint8_t { kFilesystem, kDatabase, kExternal, kMcp, kService, kSystem, kCustom };
inline constexpr size_t kCategoryCount = 7;

enum class EventKind : uint8_t {
  // Filesystem
  kFileCreated = 0,
  kFileModified = 1,
  kFileDeleted = 2,
  kFileMoved = 3,
  kDirectoryCreated = 4,
  kDirectoryDeleted = 5,
  kFileBatch = 6,
  // Database
  kRecordCreated = 7,
  kRecordUpdated = 8,
  kRecordDeleted = 9,
  kTableCreated = 10,
  kTableDropped = 11,
  kSchemaChanged = 12,
  kTransactionStarted = 13,
  kTransactionCommitted = 14,
  kTransactionRolledBack = 15,
  // External
  kExternalData = 16,
  kWebhookReceived = 17,
  kApiCallCompleted = 18,
  kStreamBytes = 19,
  kNotification = 20,
  // Mcp
  kToolCall = 21,
  kToolResponse = 22,
  kToolError = 23,
  kResourceRequested = 24,
  kResourceProvided = 25,
  kContextUpdated = 26,
  // Service
  kServiceRegistered = 27,
  kServiceUnregistered = 28,
  kHealthCheck = 29,
  kStatusChanged = 30,
  kConfigurationChanged = 31,
  kRequestReceived = 32,
  kResponseSent = 33,
  kServiceRestarted = 34,
  // System
  kSystemStarted = 35,
  kSystemStopped = 36,
  kConfigurationReloaded = 37,
  kEmergencyShutdown = 38,
  kMaintenanceStarted = 39,
  kMaintenanceCompleted = 40,
  kMetricsCollected = 41,
  kLogRotated = 42,
  kBackupCompleted = 43,
  // Custom: named by Attributes::custom_name
  kCustom = 44,
};
inline constexpr size_t kKindCount = 45;

// True for the numbers above; check it on every kind that came from outside before using the functions below.
constexpr bool IsKnownKind(uint8_t number) { return number < kKindCount; }

Category CategoryOf(EventKind kind);
// "filesystem" .. "custom".
std::string_view Name(Category category);
// Unique, "<category>.<kind>": "filesystem.file_created", "mcp.tool_call", "custom".
std::string_view Name(EventKind kind);
std::optional<Category> ParseCategory(std::string_view name);
std::optional<EventKind> ParseKind(std::string_view name);

// A set of kinds as one machine word.
class KindSet {
 public:
  constexpr KindSet() = default;
  static constexpr KindSet All() { return KindSet((uint64_t{1} << kKindCount) - 1); }
  static constexpr KindSet FromBits(uint64_t bits) { return KindSet(bits & All().bits_); }
  static KindSet Of(Category category);

  constexpr KindSet With(EventKind kind) const { return KindSet(bits_ | Bit(kind)); }
  constexpr bool Contains(EventKind kind) const { return (bits_ & Bit(kind)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint64_t bits() const { return bits_; }
  friend constexpr KindSet operator|(KindSet a, KindSet b) { return KindSet(a.bits_ | b.bits_); }
  friend constexpr KindSet operator&(KindSet a, KindSet b) { return KindSet(a.bits_ & b.bits_); }
  friend constexpr bool operator==(KindSet a, KindSet b) = default;

 private:
  constexpr explicit KindSet(uint64_t bits) : bits_(bits) {}
  static constexpr uint64_t Bit(EventKind kind) { return uint64_t{1} << static_cast<uint8_t>(kind); }
  uint64_t bits_ = 0;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_KIND_H_
