// Any octets as a request head: the scan is pure, stays within the bytes, does not depend on how
// they arrive, and what it accepts holds nothing that could be read twice in two ways.
#include <cstdint>
#include <memory>
#include <string>

#include "fuzz/check.hpp"
#include "sluice/http/cookies.hpp"
#include "sluice/http/h1_parser.hpp"
#include "sluice/http/target.hpp"

using namespace sluice::http;
using fuzz::check;

namespace {

bool lies_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_head_end(std::string_view bytes) {
  const auto at_once = HeadEnd().find(bytes);
  HeadEnd bytewise;
  std::optional<std::size_t> found;
  for (std::size_t size = 1; size <= bytes.size() && !found; ++size)
    found = bytewise.find(bytes.substr(0, size));
  check(found == at_once, "the end of the head depends on the pieces");
}

void check_fields(const HeaderBlock& fields, std::string_view bytes) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    check(!field.name.empty() && lies_within(field.name, bytes) && lies_within(field.value, bytes),
          "field outside");
    check(field.id == field_id(field.name) && field.id == fields.id_at(i), "field id");
    for (const char c : field.value) {
      check(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F),
            "control octet in a value");
    }
  }
}

void check_accepted(const RequestHead& head, std::string_view bytes) {
  check_fields(head.fields, bytes);
  for (const std::string_view part :
       {head.method_text, head.target, head.query, head.host, head.authority, head.upgrade}) {
    check(lies_within(part, bytes), "view outside the head");
  }
  check(head.framing.kind != BodyKind::UntilClose, "request until close");
  check(head.version == Version::Http10 || !head.host.empty(), "HTTP/1.1 without host");
  check(head.target.find_first_of("# \t\r\n") == std::string_view::npos, "octet in the target");
  std::string scratch(head.path.size(), '\0');
  std::string_view path;
  if (!normalize_path(head.path, scratch, path)) {
    check(path == "*" || path.starts_with('/'), "normalized path");
    check(path.size() <= head.path.size(), "normalized path grows");
  }
  find_cookie(head.fields, "uid");
  find_query_parameter(head.query, "uid");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size <= 4096) check_head_end(bytes);
  const auto head = std::make_unique<RequestHead>();
  const auto refusal = parse_request_head(bytes, {}, *head);
  if (!refusal) {
    check(HeadEnd().find(bytes) == size, "accepted, but the head ends elsewhere");
    check_accepted(*head, bytes);
  } else {
    check(refusal->status >= 400 && refusal->status <= 505 && !refusal->reason.empty(),
          "status of the refusal");
    check_fields(head->fields, bytes);
  }
  return 0;
}
