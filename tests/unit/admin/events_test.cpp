// The event stream and the audit over the admin API.
#include "unit/admin/admin_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using nlohmann::json;
using test::Admin;
using test::Answer;
using test::check_problem;
using test::FakeTransport;

}  // namespace

// ---- events ----

namespace {

/// The `data` of each event in what was sent, after the head.
std::vector<json> events_in(const std::string& sent) {
  std::vector<json> found;
  for (std::size_t at = sent.find("data: "); at != std::string::npos;
       at = sent.find("data: ", at + 1)) {
    found.push_back(json::parse(sent.substr(at + 6, sent.find('\n', at) - at - 6)));
  }
  return found;
}

std::string events_request(const std::string& query, const std::string& field = "") {
  return "GET /v1/events" + query + " HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n";
}

}  // namespace

TEST_CASE("admin: events go on as they come", "[admin][events]") {
  Admin admin;
  admin.rig.done(test::split_to(100));
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  CHECK(reader.sent.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(reader.sent.find("Content-Length") == std::string::npos);
  CHECK(events_in(reader.sent).empty());  // those that came before were not asked for
  admin.rig.done(test::split_to(200));
  REQUIRE(events_in(reader.sent).size() == 1);
  const json event = events_in(reader.sent)[0];
  CHECK(event["event"] == "change");
  CHECK(event["split_basis_points"] == 200);
  CHECK(event["candidate_open"] == true);
  CHECK(event["text"] == "shop: split: blue is live, green gets 2% of the users");
  CHECK(reader.sent.find("\nevent: change\n") != std::string::npos);
  CHECK_FALSE(reader.is_finished);
  reader.end();
  admin.rig.settle();
  CHECK(reader.is_closed);
  CHECK(admin.rig.controller->events().readers() == 0);
}

TEST_CASE("admin: recent events, and an end behind the newest", "[admin][events]") {
  Admin admin;
  for (int i = 1; i <= 5; ++i) admin.rig.done(test::split_to(i));
  FakeTransport& reader = admin.connect();
  reader.give(events_request("?recent=2&follow=false"));
  admin.rig.settle();
  const auto events = events_in(reader.sent);
  REQUIRE(events.size() == 2);
  CHECK(events[0]["split_basis_points"] == 4);
  CHECK(reader.is_finished);
  CHECK(admin.rig.controller->events().readers() == 0);
  for (const char* query : {"?recent=1025", "?recent=x", "?follow=yes", "?since=3"}) {
    INFO(query);
    check_problem(admin.ask(events_request(query)), 400, "bad_request");
  }
  FakeTransport& head = admin.connect();
  head.give("HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  admin.rig.settle();
  CHECK(head.is_finished);
  CHECK(events_in(head.sent).empty());
}

TEST_CASE("admin: Last-Event-ID goes on behind that event, and knows those of another process",
          "[admin][events]") {
  Admin admin;
  for (int i = 1; i <= 4; ++i) admin.rig.done(test::split_to(i));
  const std::string epoch = std::to_string(admin.rig.controller->events().epoch());
  const auto resumed = [&](const std::string& id) {
    FakeTransport& reader = admin.connect();
    reader.give(events_request("?follow=false", "Last-Event-ID: " + id + "\r\n"));
    admin.rig.settle();
    return events_in(reader.sent);
  };
  REQUIRE(resumed(epoch + "-2").size() == 2);
  CHECK(resumed(epoch + "-2")[0]["split_basis_points"] == 3);
  CHECK(resumed(epoch + "-4").empty());
  for (const std::string& foreign : {std::string("1-2"), epoch + "-5", epoch, epoch + "-",
                                     epoch + "-2x", std::string("nonsense")}) {
    INFO(foreign);
    const auto events = resumed(foreign);
    REQUIRE(events.size() == 5);
    CHECK(events[0] == json{{"event", "lost"}, {"count", nullptr}, {"restarted", true}});
  }
}

TEST_CASE("admin: a slow reader loses events, is told how many, and delays nothing",
          "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  reader.takes_bytes = false;
  constexpr std::size_t kMany = 4000;
  for (std::size_t i = 0; i < kMany; ++i) {
    admin.rig.controller->events().add(control::EventKind::Problem, std::string(100, 'x'), {});
    if (i % 8 == 0) admin.rig.turn();
  }
  CHECK(reader.waiting.size() < core::limits::kEventQueueMax + 32 * 1024);
  CHECK(admin.rig.done(test::split_to(100))->is_answered());
  reader.drain();
  admin.rig.settle();
  const auto events = events_in(reader.sent);
  const auto lost = std::ranges::find(
      events, "lost", [](const json& event) { return event["event"].get<std::string>(); });
  REQUIRE(lost != events.end());
  const std::size_t got = events.size() - 1;
  CHECK(got + (*lost)["count"].get<std::size_t>() == kMany + 1);
  CHECK(events.back()["event"] == "change");
}

TEST_CASE("admin: silence on the event stream is broken by a comment", "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  const std::size_t before = reader.sent.size();
  admin.rig.advance(core::limits::kEventHeartbeat - 100ms);
  CHECK(reader.sent.size() == before);
  admin.rig.advance(200ms);
  CHECK(reader.sent.substr(before) == ":\n\n");
  reader.takes_bytes = false;
  admin.rig.advance(3 * core::limits::kEventHeartbeat);
  CHECK(reader.waiting.size() <= 3);  // nothing is heaped up for one that does not read
}

TEST_CASE("admin: a follower that takes nothing of what waits for it gives its place to another",
          "[admin][events]") {
  Admin admin;
  std::vector<FakeTransport*> readers;
  for (std::size_t i = 0; i < core::limits::kEventReadersMax; ++i) {
    readers.push_back(&admin.connect());
    readers.back()->give(events_request(""));
  }
  FakeTransport& never = *readers[0];
  FakeTransport& slow = *readers[1];
  admin.rig.settle();
  never.takes_bytes = slow.takes_bytes = false;
  // Events that go on coming are no sign that somebody reads them.
  const auto pass = [&](core::Nanos time) {
    for (; time > 0ns; time -= 1s) {
      admin.rig.controller->events().add(control::EventKind::Problem, std::string(100, 'x'), {});
      admin.rig.advance(std::min<core::Nanos>(time, 1s));
    }
  };
  // One byte is enough.
  const auto take_one = [](FakeTransport& reader) {
    reader.sent += reader.waiting.front();
    reader.waiting.erase(0, 1);
  };
  // The first look finds what it took before it stopped.
  pass(2 * core::limits::kEventStall - 2s);
  CHECK_FALSE(never.is_closed);
  check_problem(admin.ask(events_request("")), 503, "busy");
  for (int look = 0; look < 3; ++look) {
    take_one(slow);
    pass(core::limits::kEventStall);
    CHECK(never.is_closed);
    CHECK_FALSE(slow.is_closed);
  }
  CHECK(admin.rig.controller->events().readers() == core::limits::kEventReadersMax - 1);
  CHECK_FALSE(readers[2]->is_closed);
  FakeTransport& next = admin.connect();
  next.give(events_request(""));
  admin.rig.settle();
  CHECK(next.sent.find(" 200 ") != std::string::npos);
  pass(core::limits::kEventStall);
  CHECK(slow.is_closed);
}

TEST_CASE("admin: a follower that has nothing to read keeps its place", "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.advance(10 * core::limits::kEventStall);
  CHECK_FALSE(reader.is_closed);
}

TEST_CASE("admin: so many may follow the events, and one more may look", "[admin][events]") {
  Admin admin;
  std::vector<FakeTransport*> readers;
  for (std::size_t i = 0; i < core::limits::kEventReadersMax; ++i) {
    readers.push_back(&admin.connect());
    readers.back()->give(events_request(""));
  }
  admin.rig.settle();
  check_problem(admin.ask(events_request("")), 503, "busy");
  FakeTransport& looker = admin.connect();
  looker.give(events_request("?follow=false"));
  admin.rig.settle();
  CHECK(looker.sent.find(" 200 ") != std::string::npos);
  readers[0]->fail();
  admin.rig.settle();
  FakeTransport& next = admin.connect();
  next.give(events_request(""));
  admin.rig.settle();
  CHECK(next.sent.find(" 200 ") != std::string::npos);
}

TEST_CASE("admin: over TCP neither the audit nor the events are shown", "[admin][events][audit]") {
  Admin admin;
  const auto over_tcp = [&admin](const std::string& bytes) {
    FakeTransport& transport = admin.connect(admin.server.remote());
    transport.give(bytes);
    admin.rig.settle();
    return transport.sent;
  };
  for (const std::string& bytes : {std::string("GET /v1/audit HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                                   events_request(""), events_request("?follow=false")}) {
    const std::string refused = over_tcp(bytes);
    CHECK(refused.find(" 403 ") != std::string::npos);
    CHECK(refused.find("local_only") != std::string::npos);
  }
  CHECK(admin.rig.store.audit_asked.empty());
  FakeTransport& local = admin.connect();
  local.give(events_request(""));
  admin.rig.settle();
  CHECK(local.sent.find(" 200 ") != std::string::npos);
}

TEST_CASE("admin: one look at the audit at a time, also when who asked has left",
          "[admin][audit]") {
  Admin admin;
  const std::string request = "GET /v1/audit HTTP/1.1\r\nHost: sluice\r\n\r\n";
  FakeTransport& first = admin.connect();
  FakeTransport& second = admin.connect();
  FakeTransport& third = admin.connect();
  first.give(request);
  second.give(request);
  third.give(request);
  admin.rig.settle();
  CHECK(first.sent.find(" 200 ") != std::string::npos);
  for (FakeTransport* refused : {&second, &third}) {
    CHECK(refused->sent.find(" 503 ") != std::string::npos);
    CHECK(refused->sent.find("\"busy\"") != std::string::npos);
  }
  CHECK(admin.rig.store.audit_asked.size() == 1);
  CHECK(admin.get("/v1/audit").status == 200);
}

TEST_CASE("admin: the newest records of the audit, as they stand in the file", "[admin][audit]") {
  Admin admin;
  admin.rig.store.audit_tail =
      control::AuditTail{{R"({"generation":1,"action":"start"})", "no JSON \xff"}, true};
  const Answer answer = admin.get("/v1/audit");
  CHECK(answer.status == 200);
  const json audit = answer.content();
  CHECK(audit["has_older"] == true);
  REQUIRE(audit["records"].size() == 2);
  CHECK(audit["records"][0]["action"] == "start");
  CHECK(audit["records"][1]["unreadable"].get<std::string>().starts_with("no JSON"));
  CHECK(admin.get("/v1/audit?limit=1").status == 200);
  CHECK(admin.get("/v1/audit?limit=1000").status == 200);
  CHECK(admin.rig.store.audit_asked == std::vector<std::size_t>{100, 1, 1000});
  for (const char* query : {"limit=0", "limit=1001", "limit=", "limit", "limit=1x", "since=3"}) {
    INFO(query);
    check_problem(admin.get("/v1/audit?" + std::string(query)), 400, "bad_request");
  }
  admin.rig.store.audit_tail = core::Error{core::ErrorCode::Io, "audit.jsonl", "read: I/O error"};
  check_problem(admin.get("/v1/audit"), 503, "storage_unavailable");
}
