#pragma once
#include <memory>
#include <string>

#include "admin/request_reader.hpp"
#include "net/loop.hpp"
#include "net/transport.hpp"

namespace sluice::admin {

class AdminConnection;

/// What a connection needs of its server.
class AdminHost {
 public:
  virtual void handle(const Request& request, Responder respond) = 0;
  /// The connection has ended; its memory is the server's to free, here and now.
  virtual void on_ended(AdminConnection& connection) = 0;

 protected:
  ~AdminHost() = default;
};

/// One caller of the admin API: requests one after the other, each answered before the next is
/// read.
///
///   Idle/Reading --whole request--> Handling --answer--> (Writing, when the socket is full) -->
///   Reading
///      |  '--nothing in time--> closed                          |
///      |                 '--answer that goes on--> Streaming --its end--> Lingering
///      |                                               '--nothing taken in time--> closed
///      '--malformed: answered--> Lingering --1 s or 256 KiB or FIN--> closed <--Connection: close
///
/// A caller who leaves while its request is handled cancels nothing: the answer finds nobody. Loop
/// thread only.
class AdminConnection final : public net::TransportEvents, private net::Reapable {
 public:
  struct Caller {
    Origin origin = Origin::Local;
    control::Actor actor;
  };
  AdminConnection(net::Loop& loop, net::Transport& transport, AdminHost& host, Caller caller);
  AdminConnection(const AdminConnection&) = delete;
  AdminConnection& operator=(const AdminConnection&) = delete;
  ~AdminConnection();

  /// Nothing of a request has come since the last answer.
  bool is_idle() const {
    return state_ == State::Reading && reader_.state() == RequestReader::State::Idle;
  }
  Origin origin() const { return caller_.origin; }
  /// Ends it now, in whatever state.
  void end();

 private:
  enum class State : std::uint8_t { Reading, Handling, Writing, Streaming, Lingering, Ended };
  enum class After : std::uint8_t { KeepAlive, Close };
  /// Where an answer goes; outlives the connection in the hands of whoever answers.
  struct ReplySlot {
    AdminConnection* to;
  };

  void on_read(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override;
  void on_error(net::TransportError error) override;
  void reap() override { host_.on_ended(*this); }

  void begin_reading();
  void step();
  void begin_handling();
  void answer(const Response& response);
  void write(const Response& response, After after);
  std::string head_of(const Response& response, After after) const;
  void begin_streaming(const Response& response);
  void pump();
  void send(std::string_view bytes);
  void on_stall_look();
  void drop_stream();
  void begin_lingering();
  void on_time_is_up();
  void arm(core::Nanos wait) { loop_.timers().arm(timer_, loop_.now() + wait); }

  net::Loop& loop_;
  net::Transport* transport_;  // nullptr: ended
  AdminHost& host_;
  const Caller caller_;
  State state_ = State::Reading;
  RequestReader reader_;
  After after_answer_ = After::KeepAlive;
  http::Method method_ = http::Method::Get;  // of the request in hand
  std::shared_ptr<ReplySlot> slot_;          // of the request in hand
  std::shared_ptr<BodyStream> stream_;       // of Streaming
  std::uint64_t streamed_ = 0;               // bytes of it, the head included
  std::uint64_t taken_at_look_ = 0;          // of these, by the socket
  std::size_t discarded_ = 0;
  bool has_peer_ended_ = false;
  net::MemberTimer<AdminConnection, &AdminConnection::on_time_is_up> timer_{*this};
  net::MemberTimer<AdminConnection, &AdminConnection::on_stall_look> stall_{*this};
  net::MemberDeferred<AdminConnection, &AdminConnection::step> step_{*this};
};

}  // namespace sluice::admin
