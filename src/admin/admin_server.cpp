#include "admin/admin_server.hpp"

#include <algorithm>

#include "admin/routes.hpp"
#include "net/peer_credentials.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::admin {

namespace {

/// TCP callers get a quarter: they must not be able to keep the operator from the Unix socket (G4).
std::size_t connections_max(Origin origin) {
  constexpr std::size_t kAll = core::limits::kAdminConnectionsMax;
  return origin == Origin::Local ? kAll - kAll / 4 : kAll / 4;
}

/// A peer without credentials: nobody.
constexpr control::Actor kUnknown{.uid = 65534, .pid = 0};

}  // namespace

AdminServer::AdminServer(net::Loop& loop, Context context, ActorOf actor_of)
    : loop_(loop), context_(std::move(context)), actor_of_(std::move(actor_of)) {}

AdminServer::~AdminServer() = default;

void AdminServer::add(net::Transport& transport, Origin origin) {
  if (!make_room(origin)) return transport.close();
  const control::Actor actor = origin == Origin::Local ? actor_of_(transport) : kUnknown;
  AdminHost& host = *this;
  connections_.push_back(std::make_unique<AdminConnection>(
      loop_, transport, host, AdminConnection::Caller{.origin = origin, .actor = actor}));
}

// At the limit the connection that has asked nothing for longest goes first; who waits for an
// answer stays.
bool AdminServer::make_room(Origin origin) {
  const auto is_same = [origin](const auto& connection) { return connection->origin() == origin; };
  const auto open = static_cast<std::size_t>(std::ranges::count_if(connections_, is_same));
  if (open < connections_max(origin)) return true;
  const auto idle = std::ranges::find_if(connections_, [&is_same](const auto& connection) {
    return is_same(connection) && connection->is_idle();
  });
  if (idle == connections_.end()) return false;
  (*idle)->end();
  return true;
}

void AdminServer::handle(const Request& request, Responder respond) {
  route(context_, request, respond);
}

void AdminServer::on_ended(AdminConnection& connection) {
  std::erase_if(connections_,
                [&connection](const auto& each) { return each.get() == &connection; });
}

control::Actor peer_actor(const net::Transport& transport) {
  const auto found = net::peer_credentials(transport);
  if (!found) return kUnknown;
  return {.uid = found->uid, .pid = found->pid};
}

}  // namespace sluice::admin
