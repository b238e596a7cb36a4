#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/change_record.hpp"
#include "sluice/http/message.hpp"

/// One admin request and its answer, as values: no sockets here.
namespace sluice::admin {

/// Where a request came from decides what it may do.
enum class Origin : std::uint8_t {
  Local,   // the Unix socket, whose mode says who may use it
  Remote,  // TCP: read-only until it has tokens (behaviour.md §5)
};

struct Request {
  Origin origin = Origin::Local;
  control::Actor actor;
  http::Method method = http::Method::Get;
  std::string host;  // without port
  std::string path;
  std::string query;
  std::string body;
  bool keep_alive = true;
};

struct Response {
  std::uint16_t status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> fields;  // Allow, Retry-After
};

/// Takes the answer, once, now or later; does nothing when the caller has gone.
using Responder = std::function<void(Response)>;

}  // namespace sluice::admin
