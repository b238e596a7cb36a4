// Any octets on an admin connection: the reader gives the same requests however the bytes arrive,
// keeps its bounds, and every body, query and tag is an answer or an error in words. Nothing
// throws.
#include <cstdint>
#include <string>
#include <vector>

#include "admin/change_bodies.hpp"
#include "admin/entity_tags.hpp"
#include "admin/host_check.hpp"
#include "admin/query.hpp"
#include "admin/request_reader.hpp"
#include "admin/routes.hpp"
#include "fuzz/check.hpp"
#include "sluice/core/limits.hpp"

using namespace sluice;
using admin::Request;
using admin::RequestReader;
using fuzz::check;

namespace {

/// What a connection came to: its requests, and the status that ended it (0: none).
struct Reading {
  std::vector<Request> requests;
  unsigned refused = 0;
  std::string refused_why;
  RequestReader::State state = RequestReader::State::Idle;
};

Reading read(std::string_view bytes, std::size_t piece) {
  Reading reading;
  RequestReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    reader.wants_continue();
    while (reader.state() == RequestReader::State::Complete)
      reading.requests.push_back(reader.take());
  }
  reading.state = reader.state();
  if (reader.state() == RequestReader::State::Bad) {
    reading.refused = reader.problem().status;
    reading.refused_why = reader.problem().detail;
  }
  return reading;
}

bool are_same(const Request& a, const Request& b) {
  return a.method == b.method && a.host == b.host && a.path == b.path && a.query == b.query &&
         a.body == b.body && a.if_match == b.if_match && a.last_event_id == b.last_event_id &&
         a.keep_alive == b.keep_alive;
}

void check_reading(std::string_view bytes) {
  const Reading whole = read(bytes, bytes.size());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    if (bytes.size() > 4096 && piece < 4096) continue;
    const Reading again = read(bytes, piece);
    check(again.refused == whole.refused && again.refused_why == whole.refused_why,
          "the refusal depends on the pieces");
    check(again.state == whole.state, "the state depends on the pieces");
    check(again.requests.size() == whole.requests.size(), "the requests depend on the pieces");
    for (std::size_t i = 0; i < whole.requests.size(); ++i)
      check(are_same(again.requests[i], whole.requests[i]), "a request depends on the pieces");
  }
  check(whole.refused == 0 || (whole.refused >= 400 && whole.refused <= 505), "status");
}

template <typename Parsed>
void check_error(const Parsed& parsed) {
  if (!parsed) check(!parsed.error().what.empty(), "an error without words");
}

void check_body(std::string_view body) {
  check_error(admin::parse_switch(body));
  check_error(admin::parse_split(body));
  check_error(admin::parse_rollback(body));
  check_error(admin::parse_endpoint(body, model::EndpointMode::Draining));
  check_error(admin::parse_changes(body));
  check_error(admin::parse_explain(body));
  admin::base64_decoded(body);
}

void check_line(std::string_view line) {
  check_error(admin::number_in(line, "limit", {.least = 1, .most = 1000, .otherwise = 100}));
  if (const auto number = admin::number_in(line, "limit", {1, 1000, 100}))
    check(*number >= 1 && *number <= 1000, "a number out of its range");
  check_error(admin::flag_in(line, "follow", false));
  check_error(admin::check_names(line, "limit follow"));
  check_error(admin::parse_if_match(line));
  admin::percent_decoded(line);
  if (admin::is_loopback_host(line)) check(admin::is_own_host(line, ""), "loopback is our own");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const unsigned choice = fuzz::take_choice(bytes);
  if (bytes.empty()) return 0;
  switch (choice % 3) {
    case 0:
      check_reading(bytes);
      for (const Request& request : read(bytes, bytes.size()).requests) {
        check(request.body.size() <= core::limits::kAdminBodyMax, "a body over its limit");
        check_body(request.body);
        check_line(request.query);
      }
      break;
    case 1:
      check_body(bytes);
      break;
    default:
      check_line(bytes);
  }
  return 0;
}
