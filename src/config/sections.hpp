#pragma once
#include <set>
#include <string>
#include <vector>

#include "config/reader.hpp"

/// One reader per section of the file. All of them report what is wrong and go on.
namespace sluice::config {

/// A configuration while it is read; some of it may be missing or wrong, and then is reported.
struct Draft {
  Config config;
  Place connections_at;  // `limits.connections`
  // Positions; rules between services would only repeat what was said.
  std::set<std::size_t> damaged_services;
};

Draft read_config(Reader& in, const Node& root);

void read_listeners(Reader& in, Value list, std::vector<Listener>& listeners);
void read_admin(Reader& in, Value value, Config& config);
/// `config`: what was read so far; its identity files grow.
void read_service(Reader& in, Value item, const std::string& label, Config& config,
                  Service& service);
void read_pools(Reader& in, Value value, const std::string& service_label, Service& service);
void read_identity(Reader& in, Value list, const std::string& service_label,
                   std::vector<policy::IdentitySource>& sources);
/// After everything else of `service`: some rules compare pins with it.
void read_pins(Reader& in, Value list, const std::string& service_label, Service& service,
               std::vector<IdentityFile>& files);
void read_rate_limits(Reader& in, Value list, const std::string& service_label,
                      std::vector<model::LimitRule>& limits);
void read_timeouts(Reader& in, Value value, const std::string& service_label,
                   model::Timeouts& timeouts);
/// After `timeouts`: with some of them off, some limits can't hold.
void read_service_limits(Reader& in, Value value, const std::string& service_label,
                         Service& service);
void read_retry(Reader& in, Value value, const std::string& service_label, model::Repeats& repeats);
void read_rescue(Reader& in, Value value, const std::string& service_label,
                 model::Repeats& repeats);
void read_circuit_breaker(Reader& in, Value value, const std::string& service_label,
                          Service& service);
/// After `path_prefix`: a route lies under it.
void read_routes(Reader& in, Value list, const std::string& service_label, Service& service);
/// Slow calls need both a time and a rate; a rule with nothing to open it is off.
void settle(model::BreakerRule& rule);
/// `text` as a path: a relative one begins beside the configuration file.
std::string beside_configuration(Reader& in, const std::string& text);
/// A rate bounds silence: where silence is not bounded, the default is off too.
void settle_min_rates(Service& service);

/// Names of dependencies, as origins say them in `Sluice-Health`.
void read_dependencies(Reader& in, Value list, std::vector<std::string>& names);
void report_listed_twice(Reader& in, Value item, std::string_view text);

void read_health_check(Reader& in, Value value, const std::string& service_label,
                       policy::HealthCheck& check);
void read_adaptive(Reader& in, Value value, const std::string& service_label,
                   policy::AdaptivePolicy& adaptive);
void read_outliers(Reader& in, Value value, const std::string& service_label,
                   policy::OutlierPolicy& outliers);

/// The name of a header field; `Sluice-*` is refused, as such fields of clients are removed before
/// anyone looks.
bool read_header_name(Reader& in, Value value, std::string& target);
bool read_cookie_name(Reader& in, Value value, std::string& target);
/// As normal_path_prefix() wants it; `/admin/` becomes `/admin`.
bool read_path_prefix(Reader& in, Value value, std::string& target);
bool read_salt(Reader& in, Value value, std::string& target);

/// Rules between parts: addresses used twice, services that can't be reached.
void validate(Reader& in, const Draft& draft);

}  // namespace sluice::config
