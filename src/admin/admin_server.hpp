#pragma once
#include <functional>
#include <list>
#include <memory>

#include "admin/admin_connection.hpp"
#include "admin/handlers.hpp"
#include "net/acceptor.hpp"

namespace sluice::admin {

/// The admin API on the control loop: the Unix socket for everything, TCP for looking only
/// (behaviour.md §5). Give local() and remote() to the acceptors of the two. Loop thread only.
class AdminServer final : private AdminHost {
 public:
  /// Who is at the other end of a connection to the Unix socket.
  using ActorOf = std::function<control::Actor(const net::Transport&)>;

  /// The controller in `context` outlives the server. `actor_of`: peer_actor() but in tests.
  AdminServer(net::Loop& loop, Context context, ActorOf actor_of);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  /// Closes what is open. Not from inside one of its events.
  ~AdminServer();

  net::AcceptEvents& local() { return local_; }
  net::AcceptEvents& remote() { return remote_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  class Door final : public net::AcceptEvents {
   public:
    Door(AdminServer& server, Origin origin) : server_(server), origin_(origin) {}
    void on_accept(net::Transport& transport, const net::Peer&, std::size_t) override {
      server_.add(transport, origin_);
    }

   private:
    AdminServer& server_;
    Origin origin_;
  };

  void add(net::Transport& transport, Origin origin);
  bool make_room(Origin origin);
  void handle(const Request& request, Responder respond) override;
  void on_ended(AdminConnection& connection) override;

  net::Loop& loop_;
  const Context context_;
  const ActorOf actor_of_;
  Door local_{*this, Origin::Local};
  Door remote_{*this, Origin::Remote};
  std::list<std::unique_ptr<AdminConnection>> connections_;  // oldest first
};

/// The credentials that the kernel recorded when the peer connected. Requires: a connection of
/// net's own acceptor.
control::Actor peer_actor(const net::Transport& transport);

}  // namespace sluice::admin
