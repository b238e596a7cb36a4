#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/forward.hpp"
#include "sluice/http/h1_parser.hpp"

/// The differential check of what is sent on: a reading of its own (split at CRLF, nothing clever),
/// and then our scanner, must both find exactly the message that was decided on. Used by the fuzz
/// target and by the unit tests.
namespace forward_check {

using namespace sluice::http;

struct Line {
  std::string name;  // lower case
  std::string value;
};

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// The independent reading. False: not even that.
inline bool split(std::string_view written, std::string& start_line, std::vector<Line>& lines) {
  bool is_first = true;
  while (true) {
    const std::size_t end = written.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = written.substr(0, end);
    written.remove_prefix(end + 2);
    for (const char c : line) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) return false;
    }
    if (line.empty()) return written.empty() && !is_first;
    if (is_first) {
      start_line = line;
      is_first = false;
      continue;
    }
    const std::size_t colon = line.find(": ");
    if (colon == 0 || colon == std::string_view::npos) return false;
    if (line.substr(0, colon).find_first_of(" \t\":,;") != std::string_view::npos) return false;
    lines.push_back({lower(line.substr(0, colon)), std::string(line.substr(colon + 2))});
  }
}

inline std::size_t count(const std::vector<Line>& lines, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [name](const Line& l) { return l.name == name; }));
}

inline const std::string* value_of(const std::vector<Line>& lines, std::string_view name) {
  const auto found =
      std::find_if(lines.begin(), lines.end(), [name](const Line& l) { return l.name == name; });
  return found == lines.end() ? nullptr : &found->value;
}

/// Of the framing that was decided on and the lines that were written: "" or what is wrong.
inline std::string framing_problem(const std::vector<Line>& lines, BodyKind kind,
                                   std::uint64_t length) {
  const std::size_t lengths = count(lines, "content-length");
  const std::size_t codings = count(lines, "transfer-encoding");
  if (kind == BodyKind::Length) {
    if (lengths != 1 || codings != 0) return "length framing is not one Content-Length";
    if (*value_of(lines, "content-length") != std::to_string(length)) return "another length";
  } else if (kind == BodyKind::Chunked) {
    if (lengths != 0 || codings != 1) return "chunked framing is not one Transfer-Encoding";
    if (*value_of(lines, "transfer-encoding") != "chunked") return "another coding";
  } else if (lengths != 0 || codings != 0) {
    return "framing of nothing";
  }
  return {};
}

/// Fields that may only stand in what was written when Sluice put them there.
inline std::string leak(const std::vector<Line>& lines, const RequestForwarding& with) {
  for (const char* name : {"keep-alive", "proxy-connection", "proxy"}) {
    if (count(lines, name) > 0) return std::string("passed ") + name;
  }
  for (const char* name : {"host", "connection", "upgrade", "te", "expect", "traceparent",
                           "x-request-id", "sluice-pool", "forwarded"}) {
    if (count(lines, name) > 1) return std::string("repeated ") + name;
  }
  for (const Line& line : lines) {
    if (line.name.starts_with("sluice") && line.name.size() > 6 && line.name != "sluice-pool" &&
        (line.name[6] == '-' || line.name[6] == '_')) {
      return "passed " + line.name;
    }
    std::string folded = line.name;
    std::replace(folded.begin(), folded.end(), '_', '-');
    if (folded.starts_with("x-forwarded-") && folded != line.name) return "passed a twin";
    const bool is_ours = line.name == "x-forwarded-for" || line.name == "x-forwarded-proto" ||
                         line.name == "x-forwarded-host";
    if (!with.client.peer_is_trusted && folded.starts_with("x-forwarded-") && !is_ours)
      return "believed " + line.name;
    if (!with.client.peer_is_trusted && is_ours && count(lines, line.name) != 1)
      return "repeated " + line.name;
  }
  return {};
}

/// "" when `written` is exactly the request that `head` decided on.
inline std::string request_problem(std::string_view written, const RequestHead& head,
                                   const RequestForwarding& with) {
  std::string start_line;
  std::vector<Line> lines;
  if (!split(written, start_line, lines)) return "can't be split into lines";
  if (!start_line.starts_with(std::string(head.method_text) + " ") ||
      !start_line.ends_with(" HTTP/1.1"))
    return "another request line";
  if (std::count(start_line.begin(), start_line.end(), ' ') != 2)
    return "blanks in the request line";
  if (const std::string problem = framing_problem(lines, head.framing.kind, head.framing.length);
      !problem.empty())
    return problem;
  if (const std::string problem = leak(lines, with); !problem.empty()) return problem;

  if (written.size() > sluice::core::limits::kRequestHeadMax)
    return {};  // an endpoint's limits are its own
  RequestHead again;
  const HeadLimits limits{.head_bytes = sluice::core::limits::kRequestHeadMax,
                          .field_count = sluice::core::limits::kFieldCountMax,
                          .target_bytes = sluice::core::limits::kTargetMax};
  if (lines.size() > limits.field_count) return {};
  if (const auto refusal = parse_request_head(written, limits, again))
    return "refused: " + std::string(refusal->reason);
  if (again.method_text != head.method_text || again.method != head.method) return "another method";
  const bool is_whole_server = again.form == TargetForm::Asterisk && head.method == Method::Options;
  if (!is_whole_server && again.path != head.path) return "another path";
  if (again.query != head.query) return "another query";
  const std::string_view host = head.authority.empty() ? with.default_host : head.authority;
  if (again.authority != host) return "another host";
  if (again.version != Version::Http11 || !again.keep_alive) return "another connection";
  if (again.framing.kind != head.framing.kind || again.framing.length != head.framing.length)
    return "another framing";
  if (again.expect != head.expect) return "another expectation";
  if (again.upgrade != with.upgrade) return "another upgrade";
  return {};
}

inline BodyKind wire_kind(BodyCoding coding) {
  switch (coding) {
    case BodyCoding::Length:
      return BodyKind::Length;
    case BodyCoding::Chunked:
      return BodyKind::Chunked;
    case BodyCoding::None:
    case BodyCoding::UntilClose:
      return BodyKind::None;
  }
  return BodyKind::None;
}

/// "" when `written` is exactly the response that was decided on; for final answers to a GET with a
/// body.
inline std::string response_problem(std::string_view written, const ResponseHead& head,
                                    const ResponseForwarding& with) {
  std::string start_line;
  std::vector<Line> lines;
  if (!split(written, start_line, lines)) return "can't be split into lines";
  if (!start_line.starts_with("HTTP/1.1 " + std::to_string(head.status) + " "))
    return "another status line";
  if (const std::string problem = framing_problem(lines, wire_kind(with.coding), with.length);
      !problem.empty())
    return problem;
  for (const char* name : {"keep-alive", "proxy-connection", "upgrade", "te"}) {
    if (count(lines, name) > 0) return std::string("passed ") + name;
  }
  if (count(lines, "connection") > 1) return "repeated connection";
  if (written.size() > sluice::core::limits::kResponseHeadMax ||
      lines.size() > sluice::core::limits::kFieldCountMax)
    return {};
  ResponseHead again;
  if (const auto refusal = parse_response_head(written, Method::Get, again))
    return "refused: " + std::string(refusal->reason);
  if (again.status != head.status) return "another status";
  if (again.keep_alive != (!with.closes && with.coding != BodyCoding::UntilClose))
    return "another connection";
  const BodyKind kind =
      with.coding == BodyCoding::UntilClose ? BodyKind::UntilClose : wire_kind(with.coding);
  if (again.framing.kind != kind ||
      again.framing.length != (kind == BodyKind::Length ? with.length : 0))
    return "another framing";
  return {};
}

}  // namespace forward_check
