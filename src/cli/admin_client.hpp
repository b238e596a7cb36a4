#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/core/result.hpp"

namespace sluice::cli {

struct AdminRequest {
  std::string method = "GET";
  std::string path;
  std::string body;  // JSON; empty: none
  /// nullopt: as long as it takes (a drain that is waited for ends by its own deadline).
  std::optional<std::chrono::seconds> patience = std::chrono::seconds(60);
  std::string last_event_id = {};  // empty: none
};

struct AdminAnswer {
  std::uint16_t status = 0;
  std::string body;
};

/// One blocking HTTP/1.1 exchange over the Unix socket at `path`, on a connection of its own.
/// Errors: Unavailable when nobody listens there, Io when the conversation broke off or took too
/// long: a change may then have been made all the same.
core::Result<AdminAnswer> ask_admin(const std::string& path, const AdminRequest& request);

/// The same for an answer that goes on until the connection ends: a 200 is given to `take` piece by
/// piece as it comes, and its body is then empty. `take` returns whether it wants more. `patience`
/// counts from piece to piece.
using TakePiece = std::function<bool(std::string_view)>;
core::Result<AdminAnswer> follow_admin(const std::string& path, const AdminRequest& request,
                                       const TakePiece& take);

}  // namespace sluice::cli
