// A whole session, fed by bytes from both sides: client, worker, endpoints (session, exchange and
// upstream over wires in memory). The input is a list of deeds of both peers. Whatever they do:
//   - what goes to an endpoint is, by a reading that shares no code with Sluice, one whole message
//     after the other; the next one only behind an answer that was complete and left nothing over;
//   - what goes to the client is as strict, and a forwarded answer that it can take for complete
//   was
//     complete at the endpoint, with that status and that body;
//   - a request that may not be repeated is sent once, any other at most twice;
//   - little waits for a peer that does not read;
//   - in the end nothing is left: no session, lease, hold, chunk or count in flight.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/check.hpp"
#include "sim/strict_reader.hpp"
#include "sim/wire_rig.hpp"

using namespace sluice;
using fuzz::check;
using sim::StrictReader;
using sim::Wire;

namespace {

constexpr std::string_view kClientSays[] = {
    "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    "GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\n",
    "hello",
    "PUT / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: shop.test\r\nMax-Forwards: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    "5;x=y\r\nhel",
    "GET / HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nX-User: 7\r\n\r\n",
    "DELETE / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9223372036854775807\r\n\r\n",
};
constexpr std::string_view kEndpointSays[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "hello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "5;x=y\r\nhel",
    "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n",
};
/// What stands for nobody reading, or for a body that does not end.
constexpr std::size_t kLongBody = 100'000;

/// A response as the endpoint meant it, from bytes that Sluice has accepted so far: written for
/// this check, without a line of Sluice's own.
struct Decoded {
  bool is_complete = false;
  std::size_t size = 0;  // up to its end
  unsigned status = 0;
  std::string body;
};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

/// Value of the first line `name` in a head, without outer blanks.
std::string value_of(const std::string& head, const std::string& name) {
  const std::size_t at = lower(head).find("\r\n" + name + ":");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 3;
  std::string value = head.substr(begin, head.find("\r\n", begin) - begin);
  value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
  value.erase(value.find_last_not_of(" \t") + 1);
  return lower(value);
}

void decode_chunks(const std::string& bytes, std::size_t at, Decoded& out) {
  while (true) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos) return;
    const std::size_t size = std::strtoull(bytes.substr(at, end - at).c_str(), nullptr, 16);
    at = end + 2;
    if (size == 0) break;
    if (bytes.size() < at || bytes.size() - at < size) {
      out.body += bytes.substr(at);
      return;
    }
    out.body += bytes.substr(at, size);
    if (bytes.size() - at - size < 2) return;
    at += size + 2;
  }
  while (true) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos) return;
    const bool is_last = end == at;
    at = end + 2;
    if (!is_last) continue;
    out.is_complete = true;
    out.size = at;
    return;
  }
}

Decoded decode(const std::string& bytes, const std::string& method, bool has_ended) {
  Decoded out;
  std::size_t at = 0;
  std::string head;
  do {  // over the 1xx
    const std::size_t end = bytes.find("\r\n\r\n", at);
    if (end == std::string::npos || end - at < 12) return out;
    head = bytes.substr(at, end + 2 - at);
    out.status = static_cast<unsigned>(std::strtoul(head.substr(9, 3).c_str(), nullptr, 10));
    at = end + 4;
  } while (out.status < 200 && out.status != 101);
  const std::string length = value_of(head, "content-length");
  if (method == "HEAD" || out.status == 204 || out.status == 304 || out.status == 101) {
    out.is_complete = true;
    out.size = at;
  } else if (!value_of(head, "transfer-encoding").empty()) {
    decode_chunks(bytes, at, out);
  } else if (!length.empty()) {
    const std::size_t size = std::strtoull(length.c_str(), nullptr, 10);
    out.body = bytes.substr(at, size);
    out.is_complete = out.body.size() == size;
    out.size = at + out.body.size();
  } else {
    out.body = bytes.substr(at);
    out.is_complete = has_ended;
    out.size = bytes.size();
  }
  return out;
}

/// One request as an endpoint got it.
struct Sent {
  std::string method;
  std::size_t endpoint = 0;  // which connection
  std::size_t answer_from = 0;
};

class Run {
 public:
  explicit Run(unsigned choice) : rig_(options(choice)), client_(&rig_.connect_client()) {
    reader_.emplace(StrictReader::Kind::Responses);
  }

  void perform(std::string_view deeds);
  void end();

 private:
  /// A connection to an endpoint, with what was read of it.
  struct Endpoint {
    Wire* wire;
    StrictReader reader{StrictReader::Kind::Requests};
    std::size_t seen = 0;
    std::size_t messages = 0;
    std::string last_id{};
    bool is_tunnel = false;
  };

  static sim::ServiceOptions options(unsigned choice) {
    sim::ServiceOptions options;
    options.endpoints = {2, 1};
    if ((choice & 1U) != 0) options.body_bytes_max = 1000;
    options.has_minted_cookie = (choice & 2U) != 0;
    return options;
  }
  Wire* endpoint() { return rig_.endpoints().empty() ? nullptr : rig_.endpoints().back(); }

  void deed(unsigned code, std::string_view& rest);
  void control_deed(unsigned code);
  void settle();
  void observe();
  void observe_tunnel();
  void observe_log();
  void observe_endpoint(std::size_t number);
  void begin_message(std::size_t number, const sim::Message& message);
  void read_client();
  void judge_answer(const sim::Message& answer);
  Decoded answer_to(const Sent& sent) const;
  void reconnect();

  sim::WireRig rig_;
  Wire* client_;
  std::optional<StrictReader> reader_;  // of this client
  std::size_t client_seen_ = 0;
  bool is_client_raw_ = false;
  std::vector<Endpoint> endpoints_;
  std::map<std::string, std::vector<Sent>> requests_;  // by X-Request-Id
  std::size_t newest_endpoint_ = 0;
};

// ================ deeds ================

void Run::perform(std::string_view deeds) {
  constexpr std::size_t kDeedsMax = 256;
  for (std::size_t i = 0; i < kDeedsMax && !deeds.empty(); ++i)
    deed(fuzz::take_choice(deeds), deeds);
}

void Run::deed(unsigned code, std::string_view& rest) {
  constexpr unsigned kCanned = 16;
  if (code < 0x80) {  // bytes of the input itself
    const std::size_t size = std::min<std::size_t>(fuzz::take_choice(rest), rest.size());
    const std::string_view bytes = rest.substr(0, size);
    rest.remove_prefix(size);
    if (code < 0x40) {
      client_->give(bytes);
    } else if (endpoint() != nullptr) {
      endpoint()->give(bytes);
    }
  } else if (code < 0xA0) {
    client_->give(kClientSays[code % kCanned]);
  } else if (code < 0xC0) {
    if (endpoint() != nullptr) endpoint()->give(kEndpointSays[code % kCanned]);
  } else {
    control_deed(code);
  }
  const bool is_held_back = code >= 0x80 && code < 0xC0 && (code & 0x10U) != 0;
  if (!is_held_back) settle();  // else the next deed comes into the same read
}

void Run::control_deed(unsigned code) {
  using std::chrono::milliseconds;
  Wire* const other = endpoint();
  switch (code % 16) {
    case 0:
      return client_->end();
    case 1:
      return client_->break_off();
    case 2:
      return other == nullptr ? void() : other->end();
    case 3:
      return other == nullptr ? void() : other->break_off();
    case 4:
      return client_->stop_taking();
    case 5:
      return client_->take_again();
    case 6:
      return other == nullptr ? void() : other->stop_taking();
    case 7:
      return other == nullptr ? void() : other->take_again();
    case 8:
      return rig_.advance(milliseconds(1100));
    case 9:
      return rig_.advance(milliseconds(11'000));
    case 10:
      return rig_.advance(milliseconds(31'000));
    case 11:
      return rig_.refuse_connects(true);
    case 12:
      return rig_.refuse_connects(false);
    case 13:
      return reconnect();
    case 14:
      return client_->give(std::string(kLongBody, 'c'));
    default:
      if (other == nullptr) return;
      other->give(std::string(kLongBody, 'e'));
      if (client_->is_closed()) return;
      return rig_.step_together({client_, other});
  }
}

/// One client at a time; what its endpoints left idle serves the next.
void Run::reconnect() {
  if (!client_->is_closed()) return;
  settle();
  client_ = &rig_.connect_client();
  reader_.emplace(StrictReader::Kind::Responses);
  client_seen_ = 0;
  is_client_raw_ = false;
}

void Run::settle() {
  constexpr std::size_t kStepsMax = 20'000;
  observe();
  std::size_t steps = 0;
  while (rig_.step()) {
    observe();
    check(++steps < kStepsMax, "it never comes to rest");
  }
}

// ================ what is seen after each turn ================

void Run::observe() {
  constexpr std::size_t kWaitingMax = 400'000;  // two watermarks, heads, a read
  check(client_->queued() <= kWaitingMax, "too much waits for the client");
  observe_tunnel();
  observe_log();
  for (Wire* const wire : rig_.endpoints()) {
    const bool is_new = endpoints_.empty() || endpoints_.back().wire != wire;
    const bool is_known = std::any_of(endpoints_.begin(), endpoints_.end(),
                                      [wire](const Endpoint& each) { return each.wire == wire; });
    if (is_new && !is_known) endpoints_.push_back({.wire = wire, .last_id = {}});
  }
  for (std::size_t i = 0; i < endpoints_.size(); ++i) observe_endpoint(i);
}

/// From the turn of its 101 on both directions are raw.
void Run::observe_tunnel() {
  if (is_client_raw_ || rig_.worker().load().tunnels == 0) return;
  is_client_raw_ = true;
  endpoints_[newest_endpoint_].is_tunnel = true;
  if (client_->queued() > 0 || client_->has_broken_off()) return;  // it has not got its 101
  reader_->expect("GET");
  const std::string& sent = client_->sent();
  while (client_seen_ < sent.size() &&
         (reader_->done.empty() || reader_->done.back().status() != 101)) {
    const std::size_t end = sent.find("\r\n\r\n", client_seen_);
    check(end != std::string::npos, "a tunnel without a whole head");
    reader_->feed(std::string_view(sent).substr(client_seen_, end + 4 - client_seen_));
    client_seen_ = end + 4;
    check(reader_->error.empty(), reader_->error);
  }
  check(!reader_->done.empty() && reader_->done.back().status() == 101, "a tunnel without a 101");
}

/// A line per request, when it has ended: only now it is known what its answer should be. One turn
/// may end several: pipelined ones that Sluice answers itself.
void Run::observe_log() {
  const std::vector<std::string> lines = rig_.take_log();
  for (const std::string& line : lines) {
    constexpr std::string_view kMethod = "\"method\":\"";
    if (line.find("\"status\":101,") != std::string::npos) continue;
    const std::size_t at = line.find(kMethod);  // null when there was none
    const std::string behind = at == std::string::npos ? "\"" : line.substr(at + kMethod.size());
    reader_->expect(behind.substr(0, behind.find('"')));
  }
  if (!lines.empty() && !is_client_raw_) read_client();
}

void Run::read_client() {
  const std::string& sent = client_->sent();
  reader_->feed(std::string_view(sent).substr(client_seen_));
  client_seen_ = sent.size();
  check(reader_->error.empty(), reader_->error);
  if (client_->has_fin() && client_->queued() == 0) reader_->end();
  for (; !reader_->done.empty(); reader_->done.pop_front()) judge_answer(reader_->done.front());
}

/// An own answer has no Sluice-Pool: the service exposes it on all others.
void Run::judge_answer(const sim::Message& answer) {
  if (answer.status() < 200 || !answer.field("Sluice-Pool")) return;
  const auto found = requests_.find(answer.field("X-Request-Id").value_or(""));
  check(found != requests_.end(), "an answer to a request that no endpoint got");
  const Decoded meant = answer_to(found->second.back());
  check(meant.is_complete, "an incomplete answer was completed");
  check(meant.status == answer.status(), "another status");
  check(meant.body == answer.body, "another body");
}

Decoded Run::answer_to(const Sent& sent) const {
  const Wire& wire = *endpoints_[sent.endpoint].wire;
  return decode(wire.read_so_far().substr(sent.answer_from), sent.method, wire.has_read_end());
}

void Run::observe_endpoint(std::size_t number) {
  constexpr std::size_t kWaitingMax = 400'000;
  Endpoint& endpoint = endpoints_[number];
  check(endpoint.wire->queued() <= kWaitingMax, "too much waits for an endpoint");
  if (endpoint.is_tunnel) return;
  // Also what it has not taken yet: an ill-behaved one answers before.
  const std::string& written = endpoint.wire->written();
  endpoint.reader.feed(std::string_view(written).substr(endpoint.seen));
  endpoint.seen = written.size();
  check(endpoint.reader.error.empty(), endpoint.reader.error);
  const sim::Message* const current = endpoint.reader.current();
  const std::size_t messages = endpoint.reader.done.size() + (current != nullptr ? 1 : 0);
  check(messages <= endpoint.messages + 1, "two requests at once on one connection");
  if (messages == endpoint.messages) return;
  endpoint.messages = messages;
  begin_message(number, current != nullptr ? *current : endpoint.reader.done.back());
}

void Run::begin_message(std::size_t number, const sim::Message& message) {
  Endpoint& endpoint = endpoints_[number];
  if (!endpoint.last_id.empty()) {
    const Sent& before = requests_[endpoint.last_id].back();
    const Decoded answer = answer_to(before);
    check(answer.is_complete, "reused before the answer was complete");
    // What came in the very turn of the request may show too late to keep it back, but ends all.
    const bool is_clean = before.answer_from + answer.size == endpoint.wire->read_so_far().size() &&
                          !endpoint.wire->has_read_end();
    check(is_clean || endpoint.wire->is_closed(), "reused with something behind the answer");
  }
  endpoint.last_id = message.field("X-Request-Id").value_or("");
  check(!endpoint.last_id.empty(), "a request without an id");
  std::vector<Sent>& all = requests_[endpoint.last_id];
  all.push_back({.method = message.method(),
                 .endpoint = number,
                 .answer_from = endpoint.wire->read_so_far().size()});
  const std::string method = all.back().method;
  const bool may_repeat = method == "GET" || method == "HEAD" || method == "OPTIONS" ||
                          method == "TRACE" || method == "PUT" || method == "DELETE";
  check(all.size() <= (may_repeat ? 2U : 1U), "a request was repeated that may not be");
  newest_endpoint_ = number;
}

// ================ the end ================

void Run::end() {
  settle();
  rig_.give_up();
  observe_log();
  const proxy::Worker::Load load = rig_.worker().load();
  check(load.sessions + load.requests + load.tunnels + load.leases + load.holds == 0,
        "something is left over");
  check(load.endpoint_connections == 0 && load.chunks == 0, "connections or chunks are left over");
  check(client_->is_closed(), "the client's connection is left open");
  for (const Endpoint& endpoint : endpoints_)
    check(endpoint.wire->is_closed(), "an endpoint's connection is left open");
  for (std::uint32_t i = 0; i < 3; ++i)
    check(rig_.control().cell({i}).in_flight.load() == 0, "a count in flight is left over");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view deeds(reinterpret_cast<const char*>(data), size);
  Run run(fuzz::take_choice(deeds));
  run.perform(deeds);
  run.end();
  return 0;
}
