#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config/identity_file.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/units.hpp"
#include "sluice/http/head_scanner.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/identity.hpp"

/// Plain structs that mirror the file; the defaults stand here and nowhere else (product.md §4,
/// behaviour.md §6).
namespace sluice::config {

/// 1-based place in a file.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
  std::string text() const;  // `sluice.yaml:3:5`
};

/// One finding: `file:line:column: what, expected what, nearest valid name`.
struct Problem {
  Position at;
  std::string what;
  std::string text() const;
};

struct Listener {
  std::string name;          // default: `listener-1`, ...
  core::SocketAddress bind;  // an IP and a port, or a Unix socket
  unsigned mode = 0660;      // of a Unix socket
  Position at;
};

struct Endpoint {
  core::SocketAddress
      address;       // an IP and a port, or a Unix socket; of a name only the port counts
  std::string text;  // as written; a name in lower case
  Position at;
  std::string host = {};  // a name to look up, in lower case; empty: an address

  bool is_name() const { return !host.empty(); }
};

struct Pool {
  std::vector<Endpoint> endpoints;
};

/// An answer that `page` names.
struct PageFile {
  std::string path;  // as the process opens it
  std::string text;  // as written
  Position at;
  std::shared_ptr<const std::string> content;  // nullptr: not read (parse() reads no file)
};

struct Service {
  std::string name;
  std::vector<std::string> hosts;
  std::string path_prefix = "/";
  std::vector<std::string> listeners;
  std::string salt;  // default: the name
  std::vector<policy::IdentitySource> identity{
      policy::IdentitySource{}};  // default: client_address
  std::array<Pool, 2> pools;      // by core::index(PoolName)
  core::PoolName initial_live = core::PoolName::Blue;
  core::BasisPoints initial_split;
  core::Millis drain_deadline{30'000};
  model::TunnelPolicy tunnels = model::TunnelPolicy::Drain;
  std::vector<model::Pin> pins;
  std::vector<model::LimitRule> rate_limits;
  model::Expose expose;
  bool adds_via = true;
  model::Timeouts timeouts;
  model::MinRates min_rates;
  model::Repeats repeats;
  http::HeadLimits head_limits;
  std::optional<std::uint64_t> body_bytes_max;
  model::CircuitBreaker breakers;        // without cells and page
  std::optional<PageFile> breaker_page;  // `circuit_breaker.page`
  policy::HealthCheck health_check;
  policy::OutlierPolicy outliers;
  core::Millis slow_start{10'000};  // 0: off
  model::OnPoolDown on_pool_down = model::OnPoolDown::Fallback;
  policy::AdaptivePolicy adaptive;
  Position at;
};

/// A file that `identity_in` names; each path once, whoever names it.
struct IdentityFile {
  std::string path;  // as the process opens it: relative ones begin at the configuration file
  std::string text;  // as written
  Position at;       // where it is named first
  std::optional<FileStamp> read;                     // which file `list` is
  std::shared_ptr<const policy::IdentityList> list;  // nullptr: not read (parse() reads no file)
};

struct AdminSocket {
  std::string path = "/run/sluice/admin.sock";
  unsigned mode = 0660;
};

/// What the process may use before it refuses.
struct MemoryLimit {
  enum class Kind : std::uint8_t { Auto, Off, Bytes };  // Auto: that of the control group
  Kind kind = Kind::Auto;
  std::uint64_t bytes = 0;  // of Bytes
  friend bool operator==(const MemoryLimit&, const MemoryLimit&) = default;
};

enum class LogFormat : std::uint8_t { Json, Combined };
std::string_view text(LogFormat format);

struct Config {
  std::string file;
  std::optional<unsigned> workers;                       // nullopt: auto, one per core
  std::optional<std::uint32_t> connections;              // nullopt: auto
  std::optional<std::uint32_t> connections_per_address;  // nullopt: off
  std::optional<std::uint32_t> requests_per_connection;  // nullopt: off
  std::optional<std::uint32_t> tunnels;                  // nullopt: off
  MemoryLimit memory;
  std::vector<Listener> listeners;
  AdminSocket admin_socket;
  std::optional<core::SocketAddress> admin_http;
  std::string state_dir = "/var/lib/sluice";
  std::optional<std::string> access_log;  // path, `-` = stdout; nullopt: none
  LogFormat log_format = LogFormat::Json;
  std::vector<core::Network> trusted_proxies;
  bool trusts_unix = false;  // `unix:` in trusted_proxies
  std::vector<Service> services;
  std::vector<IdentityFile> identity_files;  // by position in the list pins
};

/// Where a configuration is looked for without -c.
inline constexpr std::string_view kDefaultFile = "/etc/sluice/sluice.yaml";

}  // namespace sluice::config
