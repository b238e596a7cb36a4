#include "origin/routes.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "common/pattern.hpp"
#include "origin/websocket.hpp"

namespace tools {
namespace {

std::uint64_t asked(const Request& request, std::string_view name, std::uint64_t fallback) {
  return to_number(query_value(request.query, name), fallback);
}

/// `/`: one line that names pool, version and the request's number, then padding to `size`.
Plan page(const Request& request, const Identity& identity) {
  const std::uint64_t size = asked(request, "size", 1024);
  Plan plan;
  plan.content = fmt::format("pool={} version={} n={} count={}\n", identity.pool, identity.version,
                             query_value(request.query, "n"), identity.count);
  if (plan.content.size() > size) plan.content.resize(size);
  const std::uint64_t rest = size - plan.content.size();
  if (rest <= pattern().size()) {
    plan.content.append(pattern().substr(0, rest));
  } else {
    plan.pattern_bytes = rest;
  }
  if (request.head.says("content-type", "x-digest")) plan.use = BodyUse::Digest;
  return plan;
}

Plan received_head(const Request& request) {
  Plan plan;
  plan.content.append(request.head.start_line).append("\r\n").append(request.head.fields);
  return plan;
}

Plan chunked(const Request& request) {
  Plan plan;
  plan.length = Length::Chunked;
  plan.chunk_size = std::max<std::uint64_t>(1, asked(request, "size", 1024));
  plan.pattern_bytes = asked(request, "n", 4) * plan.chunk_size;
  if (request.path == "/trailers") {
    plan.fields = "Trailer: X-Digest, X-Count\r\n";
    plan.trailers = "X-Digest: abc123\r\nX-Count: 4\r\n";
  }
  return plan;
}

Plan upgrade(const Request& request, After after) {
  Plan plan;
  const bool is_websocket = after == After::WebSocket;
  const auto protocol = request.head.field("upgrade");
  if (!protocol || !request.head.says("connection", "upgrade")) {
    plan.status = 426;
    plan.fields = "Upgrade: websocket\r\n";
    plan.content = "an upgrade is needed here\n";
    return plan;
  }
  plan.status = 101;
  plan.after = after;
  plan.fields = fmt::format("Connection: Upgrade\r\nUpgrade: {}\r\n", *protocol);
  if (is_websocket) {
    plan.fields +=
        fmt::format("Sec-WebSocket-Accept: {}\r\n",
                    websocket_accept(request.head.field("sec-websocket-key").value_or("")));
  }
  return plan;
}

/// `/fail?code=503`: from now on every answer is that; `?code=200` ends it.
Plan begin_failing(const Request& request, Identity& identity) {
  const auto code = static_cast<unsigned>(asked(request, "code", 503));
  identity.failing = code == 200 ? 0 : code;
  return {};
}

}  // namespace

Plan route(const Request& request, Identity& identity) {
  const std::string_view path = request.path;
  if (path == "/fail") return begin_failing(request, identity);
  if (identity.failing != 0) {
    Plan failed;
    failed.status = identity.failing;
    failed.content = "this version has a bug\n";
    return failed;
  }
  if (path == "/headers") return received_head(request);
  if (path == "/chunked" || path == "/trailers") return chunked(request);
  if (path == "/ws") return upgrade(request, After::WebSocket);
  if (path == "/raw") return upgrade(request, After::RawEcho);

  Plan plan;
  if (path == "/echo") {
    plan.use = BodyUse::Echo;
  } else if (path == "/digest") {
    plan.use = BodyUse::Digest;
  } else {
    plan = page(request, identity);
  }
  if (path == "/slow") plan.delay_ms = static_cast<unsigned>(asked(request, "ms", 1000));
  if (path == "/work") plan.work_ms = static_cast<unsigned>(asked(request, "ms", 50));
  if (path == "/status" || path == "/early")
    plan.status = static_cast<unsigned>(asked(request, "code", 200));
  if (path == "/early") plan.answers_early = true;
  if (path == "/close") plan.length = Length::UntilClose;
  if (path == "/cut") plan.cut_after = asked(request, "after", 100);
  if (path == "/hints")
    plan.interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
  if (plan.status == 204 || plan.status == 304) {
    plan.content.clear();
    plan.pattern_bytes = 0;
  }
  return plan;
}

}  // namespace tools
