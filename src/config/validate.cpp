#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "config/sections.hpp"
#include "sluice/config/endpoints.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

/// Rules between parts of a configuration. (What concerns one section stands in its reader.)
namespace sluice::config {

namespace {

// Two listeners on one address: the second one can't bind. Port 0 is another port each time.
void check_binds(Reader& in, const std::vector<Listener>& listeners) {
  std::map<core::SocketAddress, const Listener*> taken;
  for (const Listener& listener : listeners) {
    const bool is_any_port = !listener.bind.is_unix() && listener.bind.port == 0;
    if (is_any_port) continue;  // also one whose address was refused
    const auto [first, is_new] = taken.emplace(listener.bind, &listener);
    if (is_new) continue;
    in.report({listener.at.line, listener.at.column},
              fmt::format("'{}' is the address of listener '{}' (line {}), expected another one",
                          listener.bind.text(), first->second->name, first->second->at.line));
  }
}

void check_admin_socket(Reader& in, const Config& config) {
  const auto same = std::ranges::find_if(config.listeners, [&](const Listener& listener) {
    return listener.bind.unix_path == config.admin_socket.path;
  });
  if (same == config.listeners.end()) return;
  in.report({same->at.line, same->at.column},
            fmt::format("'{}' is the admin socket, expected another path", same->bind.text()));
}

// An endpoint that is this proxy: each request would run in a circle until a limit ends it.
void check_circles(Reader& in, const Config& config) {
  for (const Service& service : config.services) {
    for (const Pool& pool : service.pools) {
      for (const Endpoint& endpoint : pool.endpoints) {
        if (endpoint.is_name()) continue;  // known when it is looked up
        const Listener* const own = own_listener({config.listeners}, endpoint.address);
        if (own == nullptr) continue;
        in.report({endpoint.at.line, endpoint.at.column},
                  fmt::format(
                      "'{}' is listener '{}' of this proxy, expected an address of the application",
                      endpoint.text, own->name));
      }
    }
  }
}

// The limit is shared out over the workers: one that gets nothing would leave its clients waiting.
// (`workers: auto` takes no more than there are connections.)
void check_connections(Reader& in, const Draft& draft) {
  const Config& config = draft.config;
  if (!config.connections || !config.workers || *config.connections >= *config.workers) return;
  in.report(draft.connections_at,
            fmt::format("'limits.connections' is {} with {} workers, expected at least one "
                        "connection for each worker",
                        *config.connections, *config.workers));
}

/// Services by what they match: those that follow an equal one are never asked
/// (model/service_table.hpp).
class Reachability {
 public:
  Reachability(Reader& in, const Config& config) : in_(in), config_(config) {}

  void add(const Service& service) {
    static const std::vector<std::string> kAnyHost{""};
    for (const std::string& host : service.hosts.empty() ? kAnyHost : service.hosts) {
      matches_[{host, service.path_prefix}].push_back(&service);
    }
  }

  void report() {
    for (const auto& [match, services] : matches_) {
      for (auto service = services.begin(); service != services.end(); ++service) {
        const Service* taker = equal_before({services.begin(), service}, **service);
        if (taker == nullptr && (*service)->listeners.empty())
          taker = takers_of_all_listeners(services);
        if (taker != nullptr) report_unreachable(match.first, **service, *taker);
      }
    }
  }

 private:
  using Services = std::vector<const Service*>;

  static bool share_a_listener(const Service& a, const Service& b) {
    if (a.listeners.empty() || b.listeners.empty())
      return a.listeners.empty() == b.listeners.empty();
    return std::ranges::find_first_of(a.listeners, b.listeners) != a.listeners.end();
  }

  static const Service* equal_before(const Services& earlier, const Service& service) {
    const auto taker = std::ranges::find_if(
        earlier, [&](const Service* s) { return share_a_listener(*s, service); });
    return taker == earlier.end() ? nullptr : *taker;
  }

  // Those that name their listeners go before one that names none; together they may leave nothing
  // to it.
  const Service* takers_of_all_listeners(const Services& services) const {
    const auto is_taken = [&](const Listener& listener) {
      return std::ranges::any_of(services, [&](const Service* s) {
        return std::ranges::find(s->listeners, listener.name) != s->listeners.end();
      });
    };
    if (config_.listeners.empty() || !std::ranges::all_of(config_.listeners, is_taken))
      return nullptr;
    return *std::ranges::find_if(services, [](const Service* s) { return !s->listeners.empty(); });
  }

  void report_unreachable(const std::string& host, const Service& service, const Service& taker) {
    in_.report({service.at.line, service.at.column},
               fmt::format("service '{}' gets no request for {} under '{}': service '{}' (line {}) "
                           "takes them, expected "
                           "another host, path_prefix or listener",
                           service.name, host.empty() ? "any host" : fmt::format("host '{}'", host),
                           service.path_prefix, taker.name, taker.at.line));
  }

  Reader& in_;
  const Config& config_;
  // By host and prefix, in file order.
  std::map<std::pair<std::string, std::string>, Services> matches_;
};

// They are allocated at the start, and touched.
void check_limit_tables(Reader& in, const Config& config) {
  std::size_t bytes = 0;
  for (const Service& service : config.services) {
    for (const model::LimitRule& rule : service.rate_limits) bytes += model::table_bytes(rule);
    if (bytes <= core::limits::kLimitTablesMax) continue;
    in.report(
        {service.at.line, service.at.column},
        fmt::format("the tables of rate limits up to service '{}' take more than {}, expected "
                    "fewer 'keys'",
                    service.name, core::format_size(core::limits::kLimitTablesMax)));
    return;
  }
}

}  // namespace

void validate(Reader& in, const Draft& draft) {
  check_binds(in, draft.config.listeners);
  check_admin_socket(in, draft.config);
  check_circles(in, draft.config);
  check_connections(in, draft);
  check_limit_tables(in, draft.config);
  Reachability reachability(in, draft.config);
  for (std::size_t i = 0; i < draft.config.services.size(); ++i) {
    if (!draft.damaged_services.contains(i)) reachability.add(draft.config.services[i]);
  }
  reachability.report();
}

}  // namespace sluice::config
