#include "daemon/client/remote_control.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/wire/specs.h"
#include "events/codec.h"
#include "events/validation.h"

namespace routebench::daemon {

using dispatch::Watcher;

namespace {

// More services than any daemon should say it has.
constexpr uint64_t kMostPresent = uint64_t{1} << 20;

absl::Status Broken(const absl::Status& status) {
  return absl::InternalError(
      absl::StrCat("the daemon's answer makes no sense: ", absl::string_view(status.message())));
}

}  // namespace

absl::Status RemoteControl::AddRule(const Rule& rule) {
  if (absl::Status status = Validate(rule); !status.ok()) return status;
  wire::ClientControl control;
  wire::Store(rule, control.mutable_add_rule());
  return Ask(control);
}

absl::Status RemoteControl::RemoveRule(const std::string& id) {
  wire::ClientControl control;
  control.mutable_remove_rule()->set_id(id);
  return Ask(control);
}

absl::Status RemoteControl::SetRuleEnabled(const std::string& id, bool enabled) {
  wire::ClientControl control;
  control.mutable_enable_rule()->set_id(id);
  control.mutable_enable_rule()->set_enabled(enabled);
  return Ask(control);
}

absl::Status RemoteControl::SetHealth(const std::string& service, Health health) {
  wire::ClientControl control;
  control.mutable_set_health()->set_service(service);
  control.mutable_set_health()->set_health(static_cast<uint32_t>(health));
  return Ask(control);
}

absl::StatusOr<std::vector<ServiceState>> RemoteControl::Services(const ServiceQuery& query) {
  wire::ClientControl control;
  wire::Store(query, control.mutable_list_services());
  const auto reply = call_(control, nullptr);
  if (!reply.ok()) return reply.status();
  std::vector<ServiceState> services;
  for (const wire::ServiceState& state : reply->services().services()) {
    if (absl::Status status = wire::Load(state, &services.emplace_back()); !status.ok())
      return Broken(status);
  }
  return services;
}

absl::StatusOr<Explanation> RemoteControl::Explain(const Event& event) {
  if (const PublishResult result = Validate(event, max_body_bytes_); result != PublishResult::kAccepted) {
    return absl::InvalidArgumentError(
        absl::StrCat("the event is not acceptable: ", std::string(Name(result))));
  }
  const Attributes& attributes = AttributesOf(event);
  EncodedHeader header;
  header.event = event.header;
  header.attributes_size = static_cast<uint32_t>(EncodedSize(attributes));
  header.body_size = static_cast<uint32_t>(event.payload.encoded_size());
  wire::ClientControl control;
  std::string* const encoded = control.mutable_explain()->mutable_header();
  encoded->resize(kEncodedHeaderSize);
  EncodeHeader(header, encoded->data());
  std::string* const block = control.mutable_explain()->mutable_attributes();
  block->resize(header.attributes_size);
  if (!block->empty()) EncodeAttributes(attributes, block->data());
  const auto reply = call_(control, nullptr);
  if (!reply.ok()) return reply.status();
  Explanation explanation;
  if (absl::Status status = wire::Load(reply->explanation(), &explanation); !status.ok())
    return Broken(status);
  return explanation;
}

absl::StatusOr<WatchId> RemoteControl::Watch(WatchHandler handler) {
  if (handler == nullptr) return absl::InvalidArgumentError("a watch needs a handler");
  wire::ClientControl control;
  control.mutable_watch();
  // On the reader's thread, before it reads the first change.
  const auto reply = call_(control, [&](const wire::Reply& answer) {
    const size_t present = std::min(answer.watch().present(), kMostPresent);
    auto watcher = std::make_shared<Watcher>(std::move(handler), present);
    MutexLock lock(mutex_);
    watchers_.emplace(answer.watch().watch(), std::move(watcher));
  });
  if (!reply.ok()) return reply.status();
  return reply->watch().watch();
}

absl::Status RemoteControl::Unwatch(WatchId watch) {
  std::shared_ptr<Watcher> watcher;
  {
    MutexLock lock(mutex_);
    const auto found = watchers_.find(watch);
    if (found == watchers_.end()) return absl::NotFoundError(absl::StrCat("no watch ", watch));
    watcher = std::move(found->second);
    watchers_.erase(found);
  }
  watcher->End();
  wire::ClientControl control;
  control.mutable_unwatch()->set_watch(watch);
  const absl::Status status = Ask(control);
  watcher->Await();
  return status;
}

bool RemoteControl::OnChange(const wire::ServiceChange& message) {
  std::shared_ptr<Watcher> watcher;
  {
    MutexLock lock(mutex_);
    const auto found = watchers_.find(message.watch());
    if (found == watchers_.end()) return true;
    watcher = found->second;
  }
  ServiceChange change;
  if (!wire::Load(message, &change).ok()) return false;
  Push(watcher, std::move(change));
  return true;
}

void RemoteControl::Push(const std::shared_ptr<Watcher>& watcher, ServiceChange change) {
  if (!watcher->Push(std::move(change))) return;
  if (const auto executor = executor_.lock()) executor->Schedule(watcher);
}

void RemoteControl::OnEnd() {
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, watcher] : watchers_) watchers.push_back(watcher);
  }
  for (const auto& watcher : watchers) Push(watcher, {.kind = ServiceChange::Kind::kLost});
}

void RemoteControl::Close() {
  MutexLock lock(mutex_);
  for (const auto& [id, watcher] : watchers_) watcher->End();
  watchers_.clear();
}

}  // namespace routebench::daemon
