#include "sim/ledger.hpp"

#include <charconv>

namespace sluice::sim {

namespace {

/// The value of a member of a flat JSON object; nullopt: null. Names are unique and values hold no
/// quotes here.
std::optional<std::string> member(std::string_view line, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":";
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view value = line.substr(at + key.size());
  if (value.starts_with("null")) return std::nullopt;
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find('"')));
  }
  return std::string(value.substr(0, value.find_first_of(",}")));
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Entry* Ledger::find(std::string_view target) {
  if (!target.starts_with("/r/")) return nullptr;
  unsigned value = 0;
  target.remove_prefix(3);
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), value);
  return error == std::errc{} && value < entries_.size() ? &entries_[value] : nullptr;
}

void Ledger::file_log(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    LogLine line;
    line.text = text.substr(0, end);
    text.remove_prefix(end + 1);
    ++lines;
    line.status = static_cast<unsigned>(number(member(line.text, "status")).value_or(0));
    line.pool = member(line.text, "pool").value_or("");
    line.reason = member(line.text, "reason").value_or("");
    line.error = member(line.text, "error").value_or("");
    line.endpoint = member(line.text, "endpoint").value_or("");
    line.rescued_from = member(line.text, "rescued_from").value_or("");
    if (const auto bucket = number(member(line.text, "bucket")))
      line.bucket = static_cast<unsigned>(*bucket);
    line.generation = number(member(line.text, "generation"));
    line.retries = static_cast<unsigned>(number(member(line.text, "retries")).value_or(0));
    Entry* entry = find(member(line.text, "path").value_or(""));
    if (entry != nullptr) {
      entry->lines.push_back(std::move(line));
    } else {
      other_lines.push_back(std::move(line));
    }
  }
}

}  // namespace sluice::sim
