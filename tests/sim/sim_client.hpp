#pragma once
#include <functional>
#include <memory>

#include "sim/ledger.hpp"
#include "sim/sim_acceptor.hpp"
#include "sim/sim_peer.hpp"

namespace sluice::sim {

/// One connection of a client that follows its plan, and reads answers with its own strict reader.
class SimClient final : public Actor, public DeliveryWatch {
 public:
  struct Surroundings {
    Scheduler& scheduler;
    Ledger& ledger;
    /// Connects; nullptr: refused.
    std::function<std::shared_ptr<Link>(SimClient&)> connect;
    std::function<std::uint64_t()> active_generation;
  };

  SimClient(Surroundings around, ClientPlan plan);
  SimClient(const SimClient&) = delete;
  SimClient& operator=(const SimClient&) = delete;
  ~SimClient() { around_.scheduler.remove(*this); }

  const ClientPlan& plan() const { return plan_; }
  bool is_finished() const { return state_ == State::Finished; }
  /// The proxy could not be reached any more.
  bool was_refused() const { return was_refused_; }
  std::string describe() const;
  /// For scenarios: reads nothing, or goes on.
  void stop_reading() { is_reading_ = false; }
  void go_on_reading() { is_reading_ = true; }
  void do_fault(ClientPlan::Fault fault) { finish_with(fault); }
  void leave() { finish_with(ClientPlan::Fault::Close); }
  void break_off() { finish_with(ClientPlan::Fault::Reset); }
  void half_close() { finish_with(ClientPlan::Fault::HalfClose); }
  /// For scenarios: bytes beyond the plan.
  void say(std::string_view bytes) { outbox_.append(bytes); }
  const StrictReader& reader() const { return reader_; }
  std::size_t received() const { return received_; }
  bool has_seen_end() const { return has_seen_end_; }
  bool was_broken() const { return was_broken_; }

  // Actor
  bool is_ready() const override;
  void step() override;
  std::optional<core::Instant> wakes_at() const override;

  void on_delivery(std::size_t total) override;

 private:
  enum class State : std::uint8_t { Waiting, Talking, Tunnel, Ending, Finished };
  struct Begun {
    unsigned number;
    std::size_t head_end;  // offsets in the stream that is sent
    std::size_t end;
    bool is_delivered = false;
  };

  core::Instant now() const { return around_.scheduler.now(); }
  Entry& entry(unsigned number) const { return around_.ledger[number]; }
  bool can_write() const;
  bool can_read() const;
  bool can_begin() const;
  bool can_see_end() const;
  bool can_give_up_waiting() const;
  bool can_end() const;
  void start();
  void write_some();
  void read_some();
  void begin_next();
  void send_awaited_body();
  void see_end();
  void note_lost_answers();
  void take_answers();
  void take_final(Message answer);
  void end_well();
  void commit_fault();
  void finish_with(ClientPlan::Fault fault);
  void finish();

  Surroundings around_;
  ClientPlan plan_;
  State state_ = State::Waiting;
  std::unique_ptr<SimPeer> peer_;
  StrictReader reader_{StrictReader::Kind::Responses};
  std::string outbox_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::vector<Begun> begun_;
  std::size_t answered_ = 0;                 // of begun_
  std::optional<unsigned> awaits_continue_;  // its body is not sent yet
  core::Instant awaits_until_{};
  core::Instant starts_at_;
  core::Instant write_at_{};
  core::Instant read_at_{};
  core::Instant begin_at_{};
  bool is_reading_ = true;
  bool is_writing_ = true;
  bool is_last_ = false;  // the answer said that the connection ends
  bool was_refused_ = false;
  bool has_seen_end_ = false;
  bool was_broken_ = false;
  bool has_left_ = false;  // a fault of the plan
};

}  // namespace sluice::sim
