#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/values.hpp"

/// Addresses that the process listens on: `listeners` and `admin`.
namespace sluice::config {

namespace {

void read_admin_socket(Reader& in, Value value, AdminSocket& socket) {
  const Section section(in, value, tables::kAdminSocket, "'admin.socket'");
  if (const auto v = section.get("path")) read_text(in, *v, socket.path);
  if (const auto v = section.get("mode")) read_mode(in, *v, socket.mode);
}

void read_admin_http(Reader& in, Value value, Config& config) {
  if (value.is_word()) return;
  const Section section(in, value, tables::kAdminHttp, "'admin.http'");
  const auto v = section.require("bind");
  core::SocketAddress bind;
  if (!v || !read_address(in, *v, PortRange::AnyPort, bind)) return;
  config.admin_http = bind;
  const auto taken = std::ranges::find(config.listeners, bind, &Listener::bind);
  if (taken == config.listeners.end() || bind.port == 0) return;
  in.report(*v->node,
            fmt::format("'{}' is the address of listener '{}' (line {}), expected another one",
                        bind.text(), taken->name, taken->at.line));
}

void read_listener(Reader& in, Value item, Listener& listener) {
  const Section section(in, item, tables::kListener, fmt::format("listener '{}'", listener.name));
  if (const auto v = section.get("name")) {
    if (v->is_scalar() && is_object_name(v->text())) {
      listener.name = v->text();
    } else {
      report_bad(in, *v);
    }
  }
  if (const auto v = section.require("bind")) {
    read_address_or_path(in, *v, PortRange::AnyPort, listener.bind);
    listener.at = in.position(v->node->at);
  }
  if (const auto v = section.get("mode")) {
    read_mode(in, *v, listener.mode);
    if (!listener.bind.is_unix())
      in.report(v->node->key_at,
                "'mode' is of a Unix socket, expected it only with 'bind: unix:/path'");
  }
}

}  // namespace

void read_listeners(Reader& in, Value list, std::vector<Listener>& listeners) {
  std::map<std::string, int> first_line;
  for (const Value item : items_of(in, list)) {
    Listener& listener = listeners.emplace_back();
    listener.name = fmt::format("listener-{}", listeners.size());
    listener.at = in.position(item.node->at);
    read_listener(in, item, listener);
    const auto [first, is_new] = first_line.emplace(listener.name, item.node->at.line);
    if (is_new) continue;
    in.report(
        *item.node,
        fmt::format("listener name '{}' is given twice, expected another name (first in line {})",
                    listener.name, first->second));
  }
}

void read_admin(Reader& in, Value value, Config& config) {
  const Section admin(in, value, tables::kAdmin, "'admin'");
  if (const auto v = admin.get("socket")) read_admin_socket(in, *v, config.admin_socket);
  if (const auto v = admin.get("http")) read_admin_http(in, *v, config);
}

}  // namespace sluice::config
