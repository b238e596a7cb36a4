#include "sluice/http/h1_parser.hpp"

#include "http/llhttp_builds.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::http {
namespace {

using MaybeRefusal = std::optional<Refusal>;

/// What llhttp read. It sees a complete head only and stops at its end: what follows is never
/// parsed by it.
struct SecondReading {
  unsigned fields = 0;
  bool is_complete = false;
};

SecondReading& reading_of(llhttp_t* parser) {
  return *static_cast<SecondReading*>(parser->data);
}

int count_field(llhttp_t* parser) {
  ++reading_of(parser).fields;
  return 0;
}

int stop_behind_head(llhttp_t* parser) {
  reading_of(parser).is_complete = true;
  return HPE_PAUSED;
}

const llhttp_settings_t kSettings = [] {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_value_complete = count_field;
  settings.on_headers_complete = stop_behind_head;
  return settings;
}();
const LlhttpExecute kExecute = best_llhttp();

struct Parser {
  explicit Parser(llhttp_type_t type) {
    llhttp_init(&llhttp, type, &kSettings);
    llhttp.data = &reading;
  }
  void feed(std::string_view bytes) { kExecute(&llhttp, bytes.data(), bytes.size()); }

  llhttp_t llhttp;
  SecondReading reading;
};

bool agrees_on_version(const llhttp_t& parser, Version version) {
  return parser.http_major == 1 && parser.http_minor == (version == Version::Http10 ? 0 : 1);
}

bool agrees_on_framing(const llhttp_t& parser, const Framing& framing) {
  const bool has_coding = (parser.flags & F_TRANSFER_ENCODING) != 0;
  const bool has_length = (parser.flags & F_CONTENT_LENGTH) != 0;
  switch (framing.kind) {
    case BodyKind::Chunked:
      return has_coding && (parser.flags & F_CHUNKED) != 0 && !has_length;
    case BodyKind::Length:
      return !has_coding && has_length && parser.content_length == framing.length;
    case BodyKind::None:
    case BodyKind::UntilClose:
      return !has_coding && !has_length;
  }
  core::unreachable();
}

/// nullopt for methods that llhttp need not know.
std::optional<llhttp_method_t> llhttp_method(Method method) {
  switch (method) {
    case Method::Get:
      return HTTP_GET;
    case Method::Head:
      return HTTP_HEAD;
    case Method::Post:
      return HTTP_POST;
    case Method::Put:
      return HTTP_PUT;
    case Method::Delete:
      return HTTP_DELETE;
    case Method::Connect:
      return HTTP_CONNECT;
    case Method::Options:
      return HTTP_OPTIONS;
    case Method::Trace:
      return HTTP_TRACE;
    case Method::Patch:
      return HTTP_PATCH;
    case Method::Other:
      return {};
  }
  core::unreachable();
}

bool agrees(const RequestHead& head, const char* head_end) {
  Parser parser(HTTP_REQUEST);
  const std::optional<llhttp_method_t> method = llhttp_method(head.method);
  const char* begin = head.method_text.data();
  if (!method) {
    // llhttp refuses methods that it has no number for (QUERY, say). Such a method has been judged
    // as a token by the scan, and llhttp reads the rest of the head behind a stand-in.
    parser.feed("POST");
    begin += head.method_text.size();
  }
  parser.feed({begin, static_cast<std::size_t>(head_end - begin)});
  return parser.reading.is_complete && (!method || parser.llhttp.method == *method) &&
         agrees_on_version(parser.llhttp, head.version) &&
         agrees_on_framing(parser.llhttp, head.framing) &&
         parser.reading.fields == head.fields.size();
}

/// Framing of the fields as they stand, before status and method said that there is no body.
bool agrees_on_response_framing(const llhttp_t& parser, const ResponseHead& head) {
  if (head.framing.kind != BodyKind::None) return agrees_on_framing(parser, head.framing);
  const bool has_coding = (parser.flags & F_TRANSFER_ENCODING) != 0;
  const bool has_length = (parser.flags & F_CONTENT_LENGTH) != 0;
  return has_coding == head.fields.has(FieldId::TransferEncoding) &&
         has_length == head.fields.has(FieldId::ContentLength);
}

bool agrees(const ResponseHead& head, std::string_view bytes) {
  Parser parser(HTTP_RESPONSE);
  parser.feed(bytes);
  return parser.reading.is_complete && parser.llhttp.status_code == head.status &&
         agrees_on_version(parser.llhttp, head.version) &&
         agrees_on_response_framing(parser.llhttp, head) &&
         parser.reading.fields == head.fields.size();
}

}  // namespace

std::optional<Refusal> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                          RequestHead& out) {
  if (const MaybeRefusal refusal = scan_request_head(bytes, limits, out)) return refusal;
  if (!agrees(out, bytes.data() + bytes.size()))
    return Refusal{400, "two readings of the head differ"};
  return {};
}

std::optional<Refusal> parse_response_head(std::string_view bytes, Method method,
                                           ResponseHead& out) {
  if (const MaybeRefusal refusal = scan_response_head(bytes, method, out)) return refusal;
  if (!agrees(out, bytes)) return Refusal{400, "two readings of the head differ"};
  return {};
}

}  // namespace sluice::http
