#include "proxy/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::proxy {
namespace {

/// Length of the well-formed UTF-8 sequence at the front (Unicode 15, table 3-7), or 0.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [s](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto is_tail = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return is_tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    const bool is_overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool is_surrogate = lead == 0xED && byte(1) > 0x9F;
    return is_overlong || is_surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    const bool is_overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool is_beyond = lead == 0xF4 && byte(1) > 0x8F;
    return is_overlong || is_beyond ? 0 : 4;
  }
  return 0;
}

void put_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4U];
  out += kHex[c & 15U];
}

/// Octets that stand for themselves in a JSON string.
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> is_plain{};
  for (unsigned c = 0x20; c < 0x80; ++c) is_plain[c] = c != '"' && c != '\\';
  return is_plain;
}();

void put_string(std::string& out, std::string_view value) {
  out += '"';
  while (!value.empty()) {
    std::size_t plain = 0;
    while (plain < value.size() && kIsPlain[static_cast<unsigned char>(value[plain])]) ++plain;
    out += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    const auto c = static_cast<unsigned char>(value[0]);
    if (c < 0x80) {
      put_escape(out, c);
      value.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(value); length != 0) {
      out += value.substr(0, length);
      value.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";
      value.remove_prefix(1);
    }
  }
  out += '"';
}

/// `key` is `,"name":`, one literal for one append.
void put_field(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  if (value.data() == nullptr) {
    out += "null";
  } else {
    put_string(out, value);
  }
}

void put_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  out.append(digits.data(), end);
}

template <typename Number>
void put_field(std::string& out, std::string_view key, const std::optional<Number>& value) {
  out += key;
  if (value) {
    put_number(out, *value);
  } else {
    out += "null";
  }
}

/// Milliseconds with three decimals.
void put_millis(std::string& out, std::string_view key, const std::optional<core::Nanos>& value) {
  out += key;
  if (!value) {
    out += "null";
    return;
  }
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(0, value->count() / 1000));
  put_number(out, micros / 1000);
  out += '.';
  const std::uint64_t rest = micros % 1000;
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

/// As nginx and Apache escape: readers of this format know no Unicode escapes.
void put_quoted(std::string& out, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    if (kIsPlain[octet] && octet < 0x7F) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[octet >> 4U];
      out += kHex[octet & 15U];
    }
  }
}

}  // namespace

void format_json(const LogRecord& r, std::string& out) {
  std::array<char, 24> time;
  out += R"({"time":")";
  out += core::write_rfc3339(r.time, time);
  out += '"';
  put_field(out, R"(,"request_id":)", r.request_id);
  put_field(out, R"(,"client":)", r.client);
  put_field(out, R"(,"method":)", r.method);
  put_field(out, R"(,"host":)", r.host);
  put_field(out, R"(,"path":)", r.path);
  put_field(out, R"(,"status":)",
            r.status == 0 ? std::optional<std::uint16_t>() : std::optional(r.status));
  put_field(out, R"(,"bytes_in":)", std::optional(r.bytes_in));
  put_field(out, R"(,"bytes_out":)", std::optional(r.bytes_out));
  put_millis(out, R"(,"duration_ms":)", r.duration);
  put_millis(out, R"(,"connect_ms":)", r.connect);
  put_millis(out, R"(,"first_byte_ms":)", r.first_byte);
  put_field(out, R"(,"service":)", r.service);
  put_field(out, R"(,"pool":)", r.pool);
  put_field(out, R"(,"endpoint":)", r.endpoint);
  put_field(out, R"(,"reason":)", r.reason);
  put_field(out, R"(,"bucket":)", r.bucket);
  put_field(out, R"(,"generation":)", r.generation);
  put_field(out, R"(,"retries":)", std::optional(r.retries));
  put_field(out, R"(,"rescued_from":)", r.rescued_from);
  put_field(out, R"(,"user_agent":)", r.user_agent);
  put_field(out, R"(,"limited_by":)", r.limited_by);
  put_field(out, R"(,"breaker":)", r.breaker);
  put_field(out, R"(,"shed":)", r.shed);
  put_field(out, R"(,"error":)", r.error);
  out += "}\n";
}

void format_combined(const LogRecord& r, std::string& out) {
  out += r.client.empty() ? std::string_view("-") : r.client;
  out += " - - [";
  std::array<char, 26> time;
  out += core::write_log_time(r.time, time);
  out += "] \"";
  if (r.method.empty() || r.path.empty()) {
    out += '-';  // no request line that could be read
  } else {
    put_quoted(out, r.method);
    out += ' ';
    put_quoted(out, r.path);
    out += ' ';
    out += r.protocol;
  }
  out += "\" ";
  put_number(out, r.status);
  out += ' ';
  put_number(out, r.bytes_out);
  for (const std::string_view field : {r.referer, r.user_agent}) {
    out += " \"";
    put_quoted(out, field.empty() ? std::string_view("-") : field);
    out += '"';
  }
  out += '\n';
}

OwnedLogRecord::OwnedLogRecord(const LogRecord& record) : record_(record) {
  // Static texts (service, pool, reason, error) live as long as the process or the cells; the rest
  // lies in request memory.
  std::string_view LogRecord::*const kBorrowed[] = {
      &LogRecord::request_id, &LogRecord::client,  &LogRecord::method,    &LogRecord::host,
      &LogRecord::path,       &LogRecord::service, &LogRecord::pool,      &LogRecord::endpoint,
      &LogRecord::user_agent, &LogRecord::referer, &LogRecord::limited_by};
  std::size_t total = 0;
  for (const auto member : kBorrowed) total += (record.*member).size();
  backing_.reserve(total);
  for (const auto member : kBorrowed) {
    if ((record.*member).data() == nullptr) continue;
    const std::size_t at = backing_.size();
    backing_ += record.*member;
    record_.*member = {backing_.data() + at, (record.*member).size()};
  }
}

bool AccessLog::write(const LogRecord& record) {
  if (queue_ == nullptr) return true;
  line_.clear();
  format_ == LogFormat::Json ? format_json(record, line_) : format_combined(record, line_);
  return line_.size() <= core::limits::kAccessLogLineMax && queue_->push(line_);
}

}  // namespace sluice::proxy
