#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sim/strict_reader.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/units.hpp"
#include "sluice/policy/split.hpp"

/// What clients and origins are going to do, fixed before the run.
namespace sluice::sim {

/// What an origin does with one request that reaches it.
struct AnswerPlan {
  enum class Deed : std::uint8_t {
    Answer,
    Leave,    // FIN instead of an answer
    Break,    // RST instead of an answer
    Silence,  // nothing, for ever
    Raw,      // `raw` instead of an answer: not valid HTTP, or not asked for
  };
  Deed deed = Deed::Answer;
  unsigned status = 200;  // 101: the tunnel, when it was asked for
  BodyForm form = BodyForm::Length;
  std::size_t size = 0;
  bool has_trailers = false;
  unsigned informational = 0;           // 103s before it
  bool sends_continue = true;           // a 100 when it was asked for
  bool is_early = false;                // at the head, before the body was read
  bool stops_reading = false;           // the request's body is never read
  bool closes = false;                  // Connection: close, and a FIN behind it
  std::optional<std::size_t> cut_at{};  // bytes of the answer after which the connection ends
  bool cuts_with_reset = false;
  std::string raw{};
  std::string surplus{};  // bytes behind the answer that belong to nothing
  std::string fields{};   // further field lines
  core::Nanos delay{0};
  std::size_t most_each = 1U << 20U;  // bytes at a time
  core::Nanos pause_each{0};
};

struct RequestPlan {
  unsigned number = 0;  // given by the ledger
  std::string method = "GET";
  bool is_1_0 = false;
  BodyForm form = BodyForm::None;
  std::size_t body = 0;
  bool has_trailers = false;
  bool expects = false;                 // 100-continue
  bool upgrades = false;                // to `echo`
  bool breaks_body = false;             // a chunked body with a malformed chunk-size line in it
  std::string user{};                   // the identity; empty: none
  std::string fields{};                 // further field lines
  std::optional<policy::PinHit> pin{};  // that of the world's own pins which takes it
  std::string raw{};                    // instead of a head: malformed
  std::size_t tunnel_up = 0;
  std::size_t tunnel_down = 0;
  std::vector<AnswerPlan> answers{};  // by attempt; the last one counts for all that follow

  const AnswerPlan& answer(std::size_t attempt) const;
  /// Some attempt, perhaps not the first one, is answered with 101.
  bool may_become_tunnel() const;
  /// Whatever the attempt, a whole valid answer reaches the proxy.
  bool has_sound_answers() const;
  bool is_idempotent() const { return method != "POST" && method != "PATCH"; }
  /// After such a request a client may send no other (RFC 9112 §9.3, §9.6).
  bool is_last_of_its_client() const {
    const bool keeps = fields.find("Connection: keep-alive") != std::string::npos;
    return is_1_0 ? !keeps : fields.find("Connection: close") != std::string::npos;
  }
  bool is_safe() const { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }
  std::string target() const { return "/r/" + std::to_string(number); }
};

struct ClientPlan {
  enum class Fault : std::uint8_t { None, Close, Reset, HalfClose, StopSending, StopReading };
  enum class AtEnd : std::uint8_t { Close, HalfClose, Stay };
  std::vector<unsigned> requests{};
  std::size_t worker = 0;
  unsigned pipelined = 1;  // requests that may be on the way at once
  Fault fault = Fault::None;
  std::size_t fault_after_sent = SIZE_MAX;
  std::size_t fault_after_received = SIZE_MAX;
  std::size_t most_written = 1U << 20U;
  std::size_t most_read = 1U << 20U;
  core::Nanos write_pause{0};
  core::Nanos read_pause{0};
  core::Nanos starts_after{0};
  core::Nanos think{0};
  std::size_t kernel_in = 64 * 1024;  // towards the proxy
  std::size_t kernel_out = 64 * 1024;
  AtEnd at_end = AtEnd::Close;
  bool sends_on_after_final = false;  // goes on with a body that is no longer wanted
};

/// Bytes that belong to one request and one side of it only: a byte of another pool, request or
/// place is seen.
enum class Side : std::uint8_t { Blue, Green, Client };
constexpr Side side_of(core::PoolName pool) {
  return pool == core::PoolName::Blue ? Side::Blue : Side::Green;
}
std::string bytes_of(Side side, unsigned request, std::size_t size);

/// For a failing test.
std::string describe(const RequestPlan& plan);
std::string describe(const AnswerPlan& plan);

std::string compose_request_head(const RequestPlan& plan);
/// As it goes on the wire.
std::string compose_request_body(const RequestPlan& plan);
/// Informational answers, head, body, surplus. `method` decides whether a body follows.
std::string compose_answer(const RequestPlan& request, const AnswerPlan& plan, core::PoolName pool);

}  // namespace sluice::sim
