// Any octets as a response head, to any method (the first octet): as request_head_fuzz.cpp, for
// endpoints.
#include <cstdint>
#include <memory>

#include "fuzz/check.hpp"
#include "sluice/http/h1_parser.hpp"

using namespace sluice::http;
using fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto method = static_cast<Method>(fuzz::take_choice(bytes) % 10);
  if (bytes.empty()) return 0;
  const auto head = std::make_unique<ResponseHead>();
  if (parse_response_head(bytes, method, *head)) return 0;
  check(head->status >= 100 && head->status <= 999, "status");
  const bool has_no_body =
      method == Method::Head || head->status < 200 || head->status == 204 || head->status == 304;
  check(!has_no_body || head->framing.kind == BodyKind::None, "body where none may be");
  check(head->framing.kind != BodyKind::UntilClose || !head->keep_alive,
        "kept, but without an end");
  check(head->upgrade.empty() || head->status == 101, "upgrade without 101");
  for (std::size_t i = 0; i < head->fields.size(); ++i) {
    const Field field = head->fields[i];
    check(!field.name.empty() && field.name.data() >= bytes.data(), "field outside");
    check(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
          "line end in a value");
  }
  return 0;
}
