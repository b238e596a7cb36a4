#include "cli/audit_view.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/status_view.hpp"

namespace sluice::cli {
namespace {

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string state_text(const AuditService& service) {
  std::string text = fmt::format("{} live", service.live);
  if (service.split_basis_points > 0) text += ", split " + percent_text(service.split_basis_points);
  for (const std::string& endpoint : service.endpoints) text += ", " + endpoint;
  return text;
}

std::string changes_text(const AuditRecord& record) {
  std::string text;
  for (std::size_t i = 0; i < record.after.size(); ++i) {
    const AuditService& after = record.after[i];
    text += (text.empty() ? "" : "; ") + after.name + ": ";
    if (i < record.before.size()) text += state_text(record.before[i]) + " -> ";
    text += state_text(after);
    if (i < record.before.size() && record.before[i].salt != after.salt)
      text += ", salt " + after.salt;
  }
  return text;
}

std::string record_text(const AuditRecord& record, const Dress& dress) {
  if (!record.unreadable.empty()) {
    return tinted(Tint::Bad, "no record: ", dress) + harmless(record.unreadable) + "\n";
  }
  std::string line = fmt::format("{}  {:>5}  {}", harmless(record.time), record.generation,
                                 tinted(Tint::Strong, harmless(record.action), dress));
  if (const std::string changes = changes_text(record); !changes.empty())
    line += "  " + harmless(changes);
  line += tinted(Tint::Faint, fmt::format("  (uid {}, pid {})", record.uid, record.pid), dress);
  if (!record.reason.empty()) line += "  \"" + harmless(record.reason) + "\"";
  return line + "\n";
}

}  // namespace

std::string audit_text(const AuditAnswer& audit, const Dress& dress) {
  std::string text;
  if (audit.has_older)
    text += tinted(Tint::Faint, "... older records: sluice audit -n N", dress) + "\n";
  for (const AuditRecord& record : audit.records) text += record_text(record, dress);
  return text;
}

std::string verdict_text(const AuditVerdict& verdict, const std::string& directory) {
  std::string text =
      fmt::format("good: {} in {} of {}, generations {} to {}\n", counted(verdict.lines, "line"),
                  counted(verdict.files, "file"), harmless(directory), verdict.first_generation,
                  verdict.last_generation);
  if (!verdict.is_end_compared) {
    text += "  there is no state.json, so nothing tells whether newer records are missing\n";
  }
  if (verdict.only_in_state) {
    text += fmt::format(
        "  generation {}: its record is in state.json only; a proxy writes it next, or the next "
        "start does\n",
        *verdict.only_in_state);
  }
  return text;
}

std::string findings_text(const AuditVerdict& verdict, std::string_view command) {
  std::string text;
  for (const AuditVerdict::Finding& finding : verdict.findings) {
    const std::string line = finding.line > 0 ? fmt::format(":{}", finding.line) : "";
    text +=
        fmt::format("{}: {}{}: {}\n", command, harmless(finding.file), line, harmless(finding.why));
  }
  return text;
}

std::string verdict_json(const AuditVerdict& verdict, const std::string& directory) {
  nlohmann::ordered_json json{
      {"good", verdict.trouble.empty() && verdict.findings.empty()},
      {"directory", directory},
      {"files", verdict.files},
      {"lines", verdict.lines},
      {"first_generation", verdict.first_generation},
      {"last_generation", verdict.last_generation},
  };
  if (!verdict.trouble.empty()) json["trouble"] = verdict.trouble;
  json["end_compared"] = verdict.is_end_compared;
  if (verdict.only_in_state) json["only_in_state"] = *verdict.only_in_state;
  json["findings"] = nlohmann::ordered_json::array();
  for (const AuditVerdict::Finding& finding : verdict.findings) {
    nlohmann::ordered_json& each = json["findings"].emplace_back();
    each["file"] = finding.file;
    each["line"] = finding.line > 0 ? nlohmann::ordered_json(finding.line) : nullptr;
    each["why"] = finding.why;
  }
  return harmless_json(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n";
}

}  // namespace sluice::cli
