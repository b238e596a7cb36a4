#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/core/limits.hpp"

namespace sluice::http {

enum class Method : std::uint8_t {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Connect,
  Options,
  Trace,
  Patch,
  Other
};
enum class Version : std::uint8_t { Http10, Http11 };

/// RFC 9110 §9.2.1: GET, HEAD, OPTIONS, TRACE.
bool is_safe(Method method);
/// RFC 9110 §9.2.2: the safe ones, PUT, DELETE.
bool is_idempotent(Method method);
std::string_view text(Version version);  // "1.0", "1.1"

/// Fields that Sluice itself reads, drops or adds; every other name is Other.
enum class FieldId : std::uint8_t {
  Other,
  Accept,
  CacheControl,
  Connection,
  ContentLength,
  Cookie,
  Date,
  Expect,
  Forwarded,
  Host,
  KeepAlive,
  MaxForwards,
  Proxy,
  ProxyConnection,
  Server,
  SluicePrefixed,  // any name that begins with "Sluice-"
  Te,
  Traceparent,
  Tracestate,
  Trailer,
  TransferEncoding,
  Upgrade,
  UserAgent,
  Via,
  XForwardedFor,
  XForwardedHost,
  XForwardedPrefixed,  // any other X-Forwarded-*, and the twins of all of them: another mark than
                       // a hyphen
  XForwardedProto,
  XRequestId,
};

/// Case-insensitive; found by a switch over the length and one comparison.
FieldId field_id(std::string_view name);

/// RFC 9110 names compare without case, ASCII only.
bool iequals(std::string_view a, std::string_view b);

struct Field {
  std::string_view name;
  std::string_view value;  // surrounding whitespace removed; bytes otherwise as received
  FieldId id = FieldId::Other;
};

/// The field lines of one head, in order, as offsets into the bytes that were received. The bytes
/// belong to the caller and must stay where they are while the block is read (architecture.md §7
/// "Headers"). Fixed size, allocates nothing.
class HeaderBlock {
 public:
  void reset(const char* base) {
    base_ = base;
    count_ = 0;
    seen_ = 0;
  }
  bool is_full() const { return count_ == entries_.size(); }
  /// Requires: !is_full(); both views lie within 64 KiB behind the base.
  void add(std::string_view name, std::string_view value, FieldId id) {
    entries_[count_++] = {offset(name), static_cast<std::uint16_t>(name.size()), offset(value),
                          static_cast<std::uint16_t>(value.size()), id};
    seen_ |= bit(id);
  }

  std::size_t size() const { return count_; }
  Field operator[](std::size_t i) const {
    const Entry& e = entries_[i];
    return {{base_ + e.name_at, e.name_size}, {base_ + e.value_at, e.value_size}, e.id};
  }
  /// As (*this)[i].id, for walks that only look at ids.
  FieldId id_at(std::size_t i) const { return entries_[i].id; }
  /// Constant time: whether any line has this id.
  bool has(FieldId id) const { return (seen_ & bit(id)) != 0; }
  /// First line with this id.
  std::optional<std::string_view> find(FieldId id) const;
  /// First line with this name, any case.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  struct Entry {
    std::uint16_t name_at, name_size, value_at, value_size;
    FieldId id;
  };
  static constexpr std::uint64_t bit(FieldId id) {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  std::uint16_t offset(std::string_view part) const {
    return part.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(part.data() - base_);
  }

  const char* base_ = nullptr;
  std::uint16_t count_ = 0;
  std::uint64_t seen_ = 0;
  std::array<Entry, core::limits::kFieldCountMax> entries_;  // only the first count_ are set
};
static_assert(static_cast<unsigned>(FieldId::XRequestId) < 64, "HeaderBlock keeps one bit per id");

/// How the end of a body is found (RFC 9112 §6.3). UntilClose: responses only.
enum class BodyKind : std::uint8_t { None, Length, Chunked, UntilClose };
struct Framing {
  BodyKind kind = BodyKind::None;
  std::uint64_t length = 0;  // of Length only; Length 0 is reported as Length with 0
};

enum class TargetForm : std::uint8_t {
  Origin,
  Absolute,
  Asterisk
};  // CONNECT (authority form) is never parsed further
enum class Expectation : std::uint8_t { None, Continue };

struct RequestHead {
  Method method = Method::Get;
  Version version = Version::Http11;
  TargetForm form = TargetForm::Origin;
  Expectation expect = Expectation::None;
  bool keep_alive = false;  // what the client asked for, by version and Connection (RFC 9112 §9.3)
  std::string_view method_text;
  std::string_view target;  // as received
  std::string_view path;    // of the target: without query; "*" for the asterisk form; "/" for an
                            // absolute form without path
  std::string_view query;   // behind '?', without it
  std::string_view host;    // of Host (or the absolute form), without port and without one trailing
                            // dot, case as received
  std::string_view authority;  // Host as received, with port
  std::string_view upgrade;  // first protocol of Upgrade that may pass (never h2c, HTTP/*, TLS/*),
                             // only with HTTP/1.1 and "upgrade" in Connection; else empty
  Framing framing;
  HeaderBlock fields;
};

struct ResponseHead {
  std::uint16_t status = 0;  // 100–999
  Version version = Version::Http11;
  bool keep_alive = false;  // what the endpoint allows: version, Connection and framing
  std::optional<std::uint32_t> keep_alive_timeout_s;  // of `Keep-Alive: timeout=N`
  std::string_view reason;
  std::string_view upgrade;  // Upgrade as received, only on a 101
  Framing framing;           // of what follows on the wire: None for HEAD, 1xx, 204, 304
  HeaderBlock fields;
};

/// What a refused head is answered with. Nothing of it may be sent on.
struct Refusal {
  std::uint16_t status = 400;
  std::string_view reason;  // static text for the log and the answer: "repeated Content-Length"
};

}  // namespace sluice::http
