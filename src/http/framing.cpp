#include "http/framing.hpp"

#include <limits>

#include "http/char_class.hpp"
#include "http/field_ids.hpp"
#include "http/list.hpp"

namespace sluice::http {
namespace {

constexpr std::uint64_t kLengthMax =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool is_token(std::string_view text) {
  const char* const end = text.data() + text.size();
  return !text.empty() && skip(kToken, text.data(), end) == end;
}

bool contains_chunked(std::string_view coding) {
  constexpr std::string_view kChunked = "chunked";
  for (std::size_t i = 0; i + kChunked.size() <= coding.size(); ++i) {
    if (iequals(coding.substr(i, kChunked.size()), kChunked)) return true;
  }
  return false;
}

/// For a Transfer-Encoding that is not exactly `chunked`. An honest other coding (`gzip`, `gzip,
/// chunked`) is 501; whatever one reader could take for chunked and another not (`xchunked`,
/// `chunked, identity`, `"chunked"`, `chunked;a`) is 400.
Refusal refused_coding(std::string_view value) {
  bool is_list_of_tokens = true;
  unsigned chunked_look_alikes = 0;
  std::string_view last;
  for_each_element(value, [&](std::string_view coding) {
    is_list_of_tokens = is_list_of_tokens && is_token(coding);
    if (contains_chunked(coding)) ++chunked_look_alikes;
    last = coding;
  });
  const bool ends_chunked = chunked_look_alikes == 1 && iequals(last, "chunked");
  if (is_list_of_tokens && (chunked_look_alikes == 0 || ends_chunked)) {
    return {501, "transfer coding other than chunked"};
  }
  return {400, "malformed Transfer-Encoding"};
}

/// A tab beside the value is allowed by the grammar and a known way to make one reader overlook the
/// field.
bool has_tab_beside(const Field& field) {
  for (const char* at = field.name.data() + field.name.size() + 1; at < field.value.data(); ++at) {
    if (*at == '\t') return true;
  }
  for (const char* at = field.value.data() + field.value.size(); *at != '\r'; ++at) {
    if (*at == '\t') return true;
  }
  return false;
}

constexpr FieldIds kControl{FieldId::Connection, FieldId::ContentLength, FieldId::Expect,
                            FieldId::Host, FieldId::TransferEncoding};

void collect_connection(std::string_view value, ControlFields& out) {
  for_each_element(value, [&out](std::string_view option) {
    if (option.empty()) return;
    if (iequals(option, "close")) {
      out.says_close = true;
    } else if (iequals(option, "keep-alive")) {
      out.says_keep_alive = true;
    } else if (iequals(option, "upgrade")) {
      out.says_upgrade = true;
    } else {
      ++out.other_options;
    }
  });
}

void collect_field(const Field& field, ControlFields& out) {
  if (field.id == FieldId::Host) {
    out.host = field.value;
    ++out.hosts;
  } else if (field.id == FieldId::Connection) {
    collect_connection(field.value, out);
  } else if (field.id == FieldId::ContentLength) {
    out.content_length = field.value;
    ++out.content_lengths;
  } else if (field.id == FieldId::TransferEncoding) {
    out.transfer_encoding = field.value;
    out.coding_has_tab = !field.value.empty() && has_tab_beside(field);
    ++out.transfer_encodings;
  } else if (field.id == FieldId::Expect) {
    ++out.expectations;
    out.expects_only_continue = out.expects_only_continue && iequals(field.value, "100-continue");
  }
}

}  // namespace

/// RFC 9110 §8.6: digits only. No sign, no list, nothing that from_chars or strtol would be
/// generous about.
std::optional<std::uint64_t> parse_length(std::string_view digits) {
  if (digits.empty()) return {};
  constexpr std::size_t kSafeDigits = 18;  // no number of so many digits is above the maximum
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto digit = static_cast<unsigned char>(digits[i] - '0');
    if (digit > 9) return {};
    if (i >= kSafeDigits && length > (kLengthMax - digit) / 10) return {};
    length = length * 10 + digit;
  }
  return length;
}

ControlFields collect(const HeaderBlock& fields) {
  ControlFields out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (kControl.has(fields.id_at(i))) collect_field(fields[i], out);
  }
  return out;
}

std::optional<Refusal> judge_framing(const ControlFields& fields, Version version, BodyKind absent,
                                     Framing& out) {
  if (fields.transfer_encodings > 0 && fields.content_lengths > 0) {
    return Refusal{400, "Content-Length with Transfer-Encoding"};
  }
  if (fields.content_lengths > 1) return Refusal{400, "repeated Content-Length"};
  if (fields.transfer_encodings > 1) return Refusal{400, "repeated Transfer-Encoding"};
  if (fields.content_lengths == 1) {
    const std::optional<std::uint64_t> length = parse_length(fields.content_length);
    if (!length) return Refusal{400, "malformed Content-Length"};
    out = {BodyKind::Length, *length};
    return {};
  }
  if (fields.transfer_encodings == 0) {
    out = {absent, 0};
    return {};
  }
  if (version == Version::Http10) return Refusal{400, "Transfer-Encoding in HTTP/1.0"};
  if (fields.coding_has_tab) return Refusal{400, "malformed Transfer-Encoding"};
  if (!iequals(fields.transfer_encoding, "chunked"))
    return refused_coding(fields.transfer_encoding);
  out = {BodyKind::Chunked, 0};
  return {};
}

bool wants_keep_alive(const ControlFields& fields, Version version) {
  if (fields.says_close) return false;
  return version == Version::Http11 || fields.says_keep_alive;
}

}  // namespace sluice::http
