#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "proxy/snapshot_slot.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/h1_parser.hpp"
#include "sluice/policy/split.hpp"

// Nanoseconds of the steps that every request takes. The smallest of many short batches: what the
// step costs when nobody disturbs it. Compare runs on one machine only; `./dev bench` has the
// figures that count.
namespace {

using namespace sluice;  // one source file, not a header

constexpr std::string_view kRequest =
    "GET /products/42?colour=blue&size=m HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Cookie: theme=dark; uid=user-12345\r\n"
    "X-User-Id: user-12345\r\n"
    "\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sat, 21 Nov 2026 04:00:00 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: max-age=60\r\n"
    "Content-Length: 1024\r\n"
    "\r\n";

/// The compiler must take `value` as used.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

template <typename Step>
void measure(std::string_view name, Step step) {
  using Clock = std::chrono::steady_clock;
  constexpr int kBatches = 200;
  constexpr int kSteps = 2000;
  double best = 1e18;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = Clock::now();
    for (int i = 0; i < kSteps; ++i) step(i);
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    best = std::min(best, took.count() / kSteps);
  }
  fmt::print("{:<44} {:9.1f} ns\n", name, best);
}

void bench_hold() {
  model::Publication publication(1);
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->epoch = {1};
  publication.prepare({std::move(snapshot)});
  publication.flip({1});
  proxy::SnapshotSlot slot(publication, 0, [](auto) {});
  measure("hold and release a snapshot", [&](int) {
    const proxy::Hold hold = slot.hold();
    keep(hold->generation);
  });
}

void bench_bucket() {
  std::array<char, 10> user{'u', 's', 'e', 'r', '-', '0', '0', '0', '0', '0'};
  measure("bucket_of salt of 9, identity of 10 bytes", [&](int i) {
    user[9] = static_cast<char>('0' + i % 10);
    keep(policy::bucket_of("shop-2026", {user.data(), user.size()}));
  });
}

void bench_request() {
  http::RequestHead head;
  measure("find the end of a request head", [&](int) {
    http::HeadEnd end;
    keep(end.find(kRequest));
  });
  measure("scan_request_head",
          [&](int) { keep(http::scan_request_head(kRequest, {}, head).has_value()); });
  measure("parse_request_head (scan and llhttp)",
          [&](int) { keep(http::parse_request_head(kRequest, {}, head).has_value()); });
  std::array<char, 8192> out;
  http::RequestForwarding with;
  with.peer = core::IpAddress::v4({127, 0, 0, 1});
  with.request_id = "0a1b2c3d-0000-4000-8000-0123456789ab";
  with.pool = "blue";
  measure("write_request_head", [&](int) {
    http::HeadWriter writer(out);
    http::write_request_head(writer, head, with);
    keep(writer.written().size());
  });
}

void bench_response() {
  http::ResponseHead head;
  measure("parse_response_head (scan and llhttp)", [&](int) {
    keep(http::parse_response_head(kResponse, http::Method::Get, head).has_value());
  });
  std::array<char, 8192> out;
  http::ResponseForwarding with;
  with.coding = http::BodyCoding::Length;
  with.length = 1024;
  with.request_id = "0a1b2c3d-0000-4000-8000-0123456789ab";
  measure("write_response_head", [&](int) {
    http::HeadWriter writer(out);
    http::write_response_head(writer, head, with);
    keep(writer.written().size());
  });
}

void bench_request_id() {
  core::Rng rng(1);
  std::array<char, 36> out;
  measure("make_request_id", [&](int) { keep(http::make_request_id(rng, out).size()); });
}

}  // namespace

int main() {
  bench_hold();
  bench_bucket();
  bench_request();
  bench_response();
  bench_request_id();
}
