#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/http/message.hpp"

/// How the end of a message's body is found (RFC 9112 §6.3), where the RFC leaves a choice:
/// refused.
namespace sluice::http {

/// The fields of one head that decide about its framing and its connection, collected in one walk
/// over the block.
struct ControlFields {
  std::string_view content_length, transfer_encoding, host;
  unsigned content_lengths = 0, transfer_encodings = 0, hosts = 0;
  bool coding_has_tab = false;  // beside the value of Transfer-Encoding

  // Options of all Connection lines.
  bool says_close = false, says_keep_alive = false, says_upgrade = false;
  unsigned other_options = 0;

  unsigned expectations = 0;          // Expect lines
  bool expects_only_continue = true;  // each of them is 100-continue
};

/// RFC 9110 §8.6: digits only, at most 2^63-1.
std::optional<std::uint64_t> parse_length(std::string_view digits);

ControlFields collect(const HeaderBlock& fields);

/// Content-Length and Transfer-Encoding of a request or response; `absent` when there is neither.
/// Refusals: 400, and 501 for a well-formed coding other than chunked.
std::optional<Refusal> judge_framing(const ControlFields& fields, Version version, BodyKind absent,
                                     Framing& out);

/// RFC 9112 §9.3: by version and Connection; close wins.
bool wants_keep_alive(const ControlFields& fields, Version version);

}  // namespace sluice::http
