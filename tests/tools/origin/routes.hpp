#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/http_head.hpp"

namespace tools {

/// Who this origin is: shown in its answers.
struct Identity {
  std::string pool = "blue";
  std::string version = "v1";
  std::uint64_t count = 0;  // requests so far
  unsigned failing = 0;     // status of every answer; 0: it works
};

struct Request {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  const Head& head;
};

enum class BodyUse { Discard, Digest, Echo };
enum class Length { Known, Chunked, UntilClose };
enum class After { Http, WebSocket, RawEcho };

/// What a route decided; the connection carries it out.
struct Plan {
  BodyUse use = BodyUse::Discard;
  bool answers_early = false;  // before the request body, which is then never read
  unsigned status = 200;
  std::string interim;                   // whole 1xx heads, sent first
  std::string fields;                    // further field lines, each with CRLF
  std::string content;                   // first part of the body
  std::uint64_t pattern_bytes = 0;       // rest of the body, from pattern()
  std::uint64_t cut_after = UINT64_MAX;  // body bytes after which the connection is closed
  std::size_t chunk_size = 16 * 1024;
  std::string trailers;  // field lines, chunked only
  Length length = Length::Known;
  unsigned delay_ms = 0;
  unsigned work_ms = 0;  // of one of the origin's servers; waits for one that is free
  After after = After::Http;
};

/// `/fail` changes `identity`.
Plan route(const Request& request, Identity& identity);

}  // namespace tools
