#include "analysis/record/clients.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analysis/record/format.h"
#include "analysis/record/histogram.h"

namespace routebench::record {
namespace {

Histogram ConnectTimes(const ClientsRecord& clients) {
  const auto times = Histogram::FromData(clients.connect());
  return times.ok() ? *times : Histogram();
}

// May be negative where memory was given back meanwhile.
std::optional<double> PrivateBytesEach(const RunRecord& record) {
  const ClientsRecord& clients = record.clients();
  if (!clients.has_private_bytes() || !clients.has_private_bytes_before() || record.plan().clients() == 0)
    return std::nullopt;
  return (static_cast<double>(clients.private_bytes()) -
          static_cast<double>(clients.private_bytes_before())) /
         record.plan().clients();
}

std::optional<double> IdleCpuShare(const ClientsRecord& clients) {
  if (!clients.has_idle_ns() || !clients.has_idle_cpu_ns() || clients.idle_ns() == 0) return std::nullopt;
  return static_cast<double>(clients.idle_cpu_ns()) / static_cast<double>(clients.idle_ns());
}

std::string IdleText(const RunRecord& record) {
  const ClientsRecord& clients = record.clients();
  std::string text = absl::StrCat("for ", FormatNanos(static_cast<double>(clients.idle_ns())));
  if (const auto share = IdleCpuShare(clients))
    absl::StrAppendFormat(&text, "   daemon's CPU %.3f %%", *share * 100);
  if (clients.has_idle_switches())
    absl::StrAppend(&text, "   its context switches ", clients.idle_switches());
  return text;
}

std::string MemoryText(const RunRecord& record) {
  const ClientsRecord& clients = record.clients();
  std::string text = absl::StrCat("private ", FormatBytes(static_cast<double>(clients.private_bytes())));
  if (clients.has_private_bytes_before())
    absl::StrAppend(&text, " (", FormatBytes(static_cast<double>(clients.private_bytes_before())),
                    " without)");
  if (const auto each = PrivateBytesEach(record)) absl::StrAppend(&text, "   each ", FormatBytes(*each));
  if (clients.has_proportional_bytes())
    absl::StrAppend(&text, "   PSS ", FormatBytes(static_cast<double>(clients.proportional_bytes())));
  if (clients.has_shared_bytes())
    absl::StrAppend(&text, "   shared ", FormatBytes(static_cast<double>(clients.shared_bytes())));
  return text;
}

std::string LawText(const RunRecord& record) {
  const ClosedLoop& law = record.clients().closed_loop();
  return absl::StrFormat("N = X (R + Z): %d clients, %.1f by %.1f k/s x (%s + %s), gap %+.2f %%",
                         record.plan().clients(), law.clients_by_law(), law.throughput_per_s() / 1e3,
                         FormatNanos(law.round_trip_ns()), FormatNanos(law.turn_round_ns()), law.gap() * 100);
}

}  // namespace

std::vector<std::pair<std::string, double>> ClientFigures(const RunRecord& record) {
  std::vector<std::pair<std::string, double>> figures;
  if (record.plan().clients() == 0) return figures;
  const ClientsRecord& clients = record.clients();
  const auto add = [&figures](const char* key, bool known, double value) {
    if (known) figures.emplace_back(key, value);
  };
  add("clients", true, record.plan().clients());
  add("load_processes", true, record.plan().load_processes());
  const Histogram connect = ConnectTimes(clients);
  if (const auto p50 = connect.Quantile(0.5)) figures.emplace_back("connect_p50_ns", *p50);
  if (const auto p99 = connect.Quantile(0.99)) figures.emplace_back("connect_p99_ns", *p99);
  if (const auto max = connect.max()) figures.emplace_back("connect_max_ns", *max);
  add("idle_ns", clients.has_idle_ns(), static_cast<double>(clients.idle_ns()));
  add("idle_daemon_cpu_ns", clients.has_idle_cpu_ns(), static_cast<double>(clients.idle_cpu_ns()));
  add("idle_daemon_switches", clients.has_idle_switches(), static_cast<double>(clients.idle_switches()));
  add("idle_daemon_private_bytes", clients.has_private_bytes(), static_cast<double>(clients.private_bytes()));
  add("idle_daemon_pss_bytes", clients.has_proportional_bytes(),
      static_cast<double>(clients.proportional_bytes()));
  add("idle_daemon_shared_bytes", clients.has_shared_bytes(), static_cast<double>(clients.shared_bytes()));
  if (const auto each = PrivateBytesEach(record))
    figures.emplace_back("daemon_private_bytes_per_client", *each);
  const ClosedLoop& law = clients.closed_loop();
  add("closed_loop_throughput_per_s", clients.has_closed_loop(), law.throughput_per_s());
  add("closed_loop_round_trip_ns", clients.has_closed_loop(), law.round_trip_ns());
  add("closed_loop_turn_round_ns", clients.has_closed_loop(), law.turn_round_ns());
  add("closed_loop_gap_share", clients.has_closed_loop(), law.gap());
  return figures;
}

std::vector<std::pair<std::string, std::string>> ClientLines(const RunRecord& record) {
  std::vector<std::pair<std::string, std::string>> lines;
  if (record.plan().clients() == 0) return lines;
  const ClientsRecord& clients = record.clients();
  std::string connected =
      absl::StrCat(record.plan().clients(), " in ", record.plan().load_processes(), " processes");
  const Histogram connect = ConnectTimes(clients);
  if (const auto p50 = connect.Quantile(0.5)) {
    absl::StrAppend(&connected, ", connected in p50 ", FormatNanos(static_cast<double>(*p50)), "   p99 ",
                    FormatNanos(static_cast<double>(connect.Quantile(0.99).value_or(0))), "   max ",
                    FormatNanos(static_cast<double>(connect.max().value_or(0))));
  }
  lines.emplace_back("clients", std::move(connected));
  if (clients.has_idle_ns()) lines.emplace_back("idle", IdleText(record));
  if (clients.has_private_bytes()) lines.emplace_back("memory", MemoryText(record));
  if (clients.has_closed_loop()) lines.emplace_back("closed loop", LawText(record));
  return lines;
}

}  // namespace routebench::record
