// What Sluice sends on must be read, by a reading of its own and by our scanner, as exactly the
// message that was decided on (forward_check.hpp). The first two octets choose the side and the
// circumstances, the rest is a head.
#include <array>
#include <cstdint>
#include <memory>

#include "fuzz/check.hpp"
#include "fuzz/forward_check.hpp"

using namespace sluice::http;
using fuzz::check;

namespace {

constexpr std::size_t kMemory =
    sluice::core::limits::kResponseHeadMax + sluice::core::limits::kHeadAdditionsMax;

void check_request(std::string_view bytes, unsigned choice, char* memory) {
  const auto head = std::make_unique<RequestHead>();
  if (parse_request_head(bytes, {}, *head)) return;
  RequestForwarding with;
  if ((choice & 1U) == 0)
    with.peer = sluice::core::IpAddress::parse((choice & 2U) == 0 ? "192.0.2.7" : "2001:db8::1");
  with.client = {with.peer, (choice & 4U) != 0};
  with.request_id = "0190163d-8694-4b2a-9a1b-0123456789ab";
  with.pool = "green";
  with.upgrade = (choice & 8U) != 0 ? head->upgrade : std::string_view{};
  with.adds_via = (choice & 16U) != 0;
  HeadWriter out({memory, kMemory});
  write_request_head(out, *head, with);
  check(!out.overflowed(), "additions over their bound");
  const std::string problem = forward_check::request_problem(out.written(), *head, with);
  check(problem.empty(), problem);
}

void check_response(std::string_view bytes, unsigned choice, char* memory) {
  const auto head = std::make_unique<ResponseHead>();
  if (parse_response_head(bytes, Method::Get, *head)) return;
  if (head->status < 200 || head->status == 204 || head->status == 304) return;  // no body to frame
  ResponseForwarding with;
  with.coding =
      std::array{BodyCoding::Length, BodyCoding::Chunked, BodyCoding::UntilClose}[choice % 3];
  with.length = head->framing.length;
  with.closes = (choice & 4U) != 0;
  with.says_keep_alive = (choice & 8U) != 0;
  with.adds_via = (choice & 16U) != 0;
  with.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  with.request_id = (choice & 32U) != 0 ? "0190163d-8694-4b2a-9a1b-0123456789ab" : "";
  with.set_cookie = (choice & 64U) != 0 ? "sluice=0123456789abcdef0123456789abcdef; Path=/" : "";
  if ((choice & 128U) != 0) {
    static constexpr ResponseForwarding::Exposed kExposed{"green",          "42",   "split", "9999",
                                                          "127.0.0.1:9001", "green"};
    with.exposed = &kExposed;
  }
  HeadWriter out({memory, kMemory});
  write_response_head(out, *head, with);
  check(!out.overflowed(), "additions over their bound");
  const std::string problem = forward_check::response_problem(out.written(), *head, with);
  check(problem.empty(), problem);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<char[]> memory(new char[kMemory]);
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool is_response = fuzz::take_choice(bytes) % 2 == 1;
  const unsigned choice = fuzz::take_choice(bytes);
  if (bytes.empty()) return 0;
  if (is_response) {
    check_response(bytes, choice, memory.get());
  } else {
    check_request(bytes, choice, memory.get());
  }
  return 0;
}
