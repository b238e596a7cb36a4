#pragma once
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sim/plans.hpp"
#include "sim/sim_link.hpp"
#include "sluice/core/ids.hpp"

/// What really happened to each request, as its client, the origins and the access log saw it.
namespace sluice::sim {

/// One time that an origin saw the head of a request.
struct Attempt {
  core::PoolName pool = core::PoolName::Blue;
  core::EndpointId endpoint;
  const AnswerPlan* plan = nullptr;
  core::Instant at{};
  bool was_reused = false;  // the connection had served another request
  bool is_request_complete = false;
  bool is_answer_complete = false;  // all of a valid answer was sent
  bool surplus_came_alone = false;  // the bytes behind its answer, in a read of their own
  bool was_cut_off = false;         // the proxy closed or reset before the end
  std::string tunnel_received{};
  std::size_t tunnel_sent = 0;
  bool has_tunnel_ended = false;  // a FIN was read, not a RST
};

/// What the client saw.
struct Outcome {
  bool is_begun = false;  // its first byte was sent
  std::uint64_t generation_begun = 0;
  bool is_delivered = false;  // the last byte of its head has reached the worker
  bool was_alone = false;     // nothing before it on the connection was unanswered then
  std::uint64_t generation_delivered = 0;
  bool is_sent_whole = false;
  unsigned informational = 0;
  std::optional<Message> answer;        // final and complete
  std::optional<Message> partial;       // its head came, its end did not
  Link::Rst lost_by = Link::Rst::None;  // it had left the proxy completely, and a RST took along
                                        // what was on its way
  std::uint64_t generation_answered = 0;
  std::string tunnel_received;
  std::size_t tunnel_sent = 0;
  bool has_tunnel_ended = false;  // a FIN was read, not a RST
  bool has_client_left = false;   // it ended its side before the answer was complete

  unsigned status() const { return answer ? answer->status() : 0; }
};

/// One line of the access log.
struct LogLine {
  std::string text;
  unsigned status = 0;
  std::string pool, reason, error, endpoint, rescued_from;
  std::optional<unsigned> bucket;
  std::optional<std::uint64_t> generation;
  unsigned retries = 0;
};

struct Entry {
  RequestPlan plan;
  Outcome outcome;
  std::deque<Attempt> attempts;
  std::vector<LogLine> lines;
  // Nothing that its client, its endpoint or the network does may spoil it
  bool is_faultless = false;
};

class Ledger {
 public:
  unsigned add(RequestPlan plan) {
    plan.number = static_cast<unsigned>(entries_.size());
    entries_.push_back(Entry{std::move(plan), {}, {}, {}, false});
    return entries_.back().plan.number;
  }
  Entry& operator[](unsigned number) { return entries_[number]; }
  const Entry& operator[](unsigned number) const { return entries_[number]; }
  Entry* find(std::string_view target);
  std::size_t size() const { return entries_.size(); }
  std::deque<Entry>& entries() { return entries_; }

  /// Splits lines of the access log and files them under their requests.
  void file_log(std::string_view text);
  std::vector<LogLine> other_lines;  // of heads that were refused before they had a path
  std::size_t lines = 0;
  /// What was seen at once to be wrong.
  std::vector<std::string> complaints;

 private:
  std::deque<Entry> entries_;
};

}  // namespace sluice::sim
