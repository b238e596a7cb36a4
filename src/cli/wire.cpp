#include "cli/wire.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/console.hpp"
#include "cli/status_view.hpp"

namespace sluice::cli {
namespace {

using Json = nlohmann::json;
using core::Error;
using core::ErrorCode;
using core::Result;

/// Whatever is read here is for a person: nothing that a terminal would obey stays in any text.
void make_harmless(Json& json) {
  if (json.is_string()) {
    json = harmless(json.get_ref<const std::string&>());
  } else if (json.is_structured()) {
    for (Json& part : json) make_harmless(part);
  }
}

template <typename Read>
auto guarded(std::string_view text, Read read) -> Result<decltype(read(Json()))> {
  try {
    Json json = Json::parse(text);
    make_harmless(json);
    return read(json);
  } catch (const Json::exception& error) {
    return Error{ErrorCode::Corrupt, "the proxy's answer", error.what()};
  }
}

DrainState drain_state(const Json& json) {
  return {json.value("pool", ""), json.value("generation", std::uint64_t{0}),
          json.value("deadline", ""), json.value("requests", std::uint64_t{0}),
          json.value("tunnels", std::uint64_t{0})};
}

void add_note(std::string& note, std::string_view more, std::string_view between) {
  if (more.empty()) return;
  if (!note.empty()) note += between;
  note += more;
}

/// What of its health an operator would ask about.
std::string health_note(const Json& health, bool is_up) {
  std::string note;
  const unsigned share = health.value("share_basis_points", 10'000U);
  if (is_up && share < 10'000) note = "starts slowly, at " + percent_text(share) + " of its share";
  if (is_up && health.contains("reason"))
    add_note(note, "last check: " + health.at("reason").get<std::string>(), "; ");
  const auto dependencies = health.value("dependencies", Json::object());
  for (const auto& [name, state] : dependencies.items()) {
    if (state == "down") add_note(note, name + " is down", "; ");
  }
  return note;
}

std::string breaker_note(const Json& breaker) {
  const std::string state = breaker.value("state", "closed");
  if (state == "closed") return "";
  if (state == "half_open") return "breaker half open: a few requests try it";
  const double wait_s = breaker.value("probes_in_ms", 0.0) / 1000;
  return wait_s > 0 ? fmt::format("breaker open, tries again in {:.1f} s", wait_s)
                    : "breaker open, the next request tries";
}

/// The breaker when it is not closed, and ceilings of which four fifths are used.
std::string guard_note(const Json& json) {
  std::string note = breaker_note(json.value("breaker", Json::object()));
  const Json ceilings = json.value("ceilings", Json::object());
  for (const auto& [name, ceiling] : ceilings.items()) {
    const auto used = ceiling.value("used", std::uint64_t{0});
    const auto most = ceiling.value("max", std::uint64_t{0});
    if (used * 5 >= most * 4) add_note(note, fmt::format("{} of {} {}", used, most, name), "; ");
  }
  return note;
}

std::vector<std::string> route_notes(const Json& routes) {
  std::vector<std::string> notes;
  for (const Json& route : routes) {
    const Json breakers = route.value("breakers", Json::object());
    for (const auto& [pool, breaker] : breakers.items()) {
      const std::string note = breaker_note(breaker);
      if (!note.empty())
        notes.push_back(fmt::format("{} on {}: {}", route.value("path_prefix", ""), pool, note));
    }
  }
  return notes;
}

/// `reason` of one that is down, also of a name without an address; `names` of an address that
/// names have.
EndpointState endpoint_state(const Json& json) {
  EndpointState endpoint{json.at("address").get<std::string>(), json.value("state", "up"),
                         json.value("in_flight", std::uint64_t{0}), ""};
  for (const Json& name : json.value("names", Json::array()))
    add_note(endpoint.note, name.get<std::string>(), ", ");
  add_note(endpoint.note, json.value("reason", ""), "; ");
  const auto health = json.find("health");
  if (health != json.end())
    add_note(endpoint.note, health_note(*health, endpoint.state == "up"), "; ");
  add_note(endpoint.note, guard_note(json), "; ");
  return endpoint;
}

std::optional<BudgetState> budget_state(const Json& budgets, const char* name) {
  const auto found = budgets.find(name);
  if (found == budgets.end()) return std::nullopt;
  return BudgetState{.in_use = found->value("in_use", std::uint64_t{0}),
                     .most = found->value("most", std::uint64_t{0}),
                     .refused = found->value("refused", std::uint64_t{0})};
}

PoolState pool_state(const std::string& name, const Json& json) {
  PoolState pool{name, {}, guard_note(json)};
  const Json budgets = json.value("budgets", Json::object());
  pool.retries = budget_state(budgets, "retries");
  pool.rescues = budget_state(budgets, "rescues");
  pool.assets = budget_state(budgets, "assets");
  for (const Json& endpoint : json.value("endpoints", Json::array())) {
    pool.endpoints.push_back(endpoint_state(endpoint));
  }
  return pool;
}

/// Text, or empty for null.
std::string text_or_empty(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

LimitState limit_state(const Json& json) {
  return {.name = json.value("name", ""),
          .mode = json.value("mode", "enforce"),
          .allows = json.value("allows", ""),
          .candidate_allows = text_or_empty(json, "candidate_allows"),
          .admitted = json.value("admitted", std::uint64_t{0}),
          .refused = json.value("refused", std::uint64_t{0}),
          .shadowed = json.value("shadowed", std::uint64_t{0}),
          .keys = json.value("keys", std::uint64_t{0}),
          .places = json.value("places", std::uint64_t{0})};
}

ServiceState service_state(const Json& json) {
  ServiceState service;
  service.name = json.at("name").get<std::string>();
  service.generation = json.at("generation").get<std::uint64_t>();
  service.live = json.at("live").get<std::string>();
  service.candidate = json.value("candidate", service.live == "blue" ? "green" : "blue");
  service.split_basis_points = json.value("split_basis_points", 0U);
  const auto observed = json.find("observed_split_basis_points");
  if (observed != json.end() && observed->is_number_unsigned())
    service.observed_basis_points = observed->get<unsigned>();
  service.salt = json.value("salt", "");
  service.is_candidate_open = json.value("candidate_open", false);
  for (const Json& drain : json.value("drains", Json::array()))
    service.drains.push_back(drain_state(drain));
  for (const Json& limit : json.value("limits", Json::array()))
    service.limits.push_back(limit_state(limit));
  const Json pools = json.value("pools", Json::object());
  for (const std::string& name : {service.live, service.candidate}) {
    if (pools.contains(name)) service.pools.push_back(pool_state(name, pools.at(name)));
  }
  service.route_notes = route_notes(json.value("routes", Json::array()));
  return service;
}

OverloadState overload_state(const Json& json) {
  OverloadState overload;
  overload.level = json.value("level", overload.level);
  overload.loop_wait_ms = json.value("loop_wait_ms", overload.loop_wait_ms);
  overload.new_refused_basis_points = json.value("new_refused_basis_points", 0U);
  overload.known_refused_basis_points = json.value("known_refused_basis_points", 0U);
  const auto memory = json.find("memory");
  if (memory == json.end() || !memory->is_object()) return overload;
  overload.memory_used = memory->value("used_bytes", std::uint64_t{0});
  overload.memory_limit = memory->value("limit_bytes", std::uint64_t{0});
  return overload;
}

StatusAnswer status_answer(const Json& json) {
  StatusAnswer status;
  status.generation = json.value("generation", std::uint64_t{0});
  status.is_durable = json.value("durable", true);
  status.version = json.value("version", "");
  status.workers = json.value("workers", 0U);
  for (const Json& listener : json.value("listeners", Json::array())) {
    status.listeners.push_back(listener.at("address").get<std::string>());
  }
  if (const auto overload = json.find("overload"); overload != json.end())
    status.overload = overload_state(*overload);
  // /v1/status/{service} may answer with the service itself.
  if (!json.contains("services")) status.services.push_back(service_state(json));
  for (const Json& service : json.value("services", Json::array()))
    status.services.push_back(service_state(service));
  return status;
}

DrainOutcome drain_outcome(const std::string& word) {
  if (word == "running") return DrainOutcome::Running;
  if (word == "drained") return DrainOutcome::Drained;
  if (word == "deadline") return DrainOutcome::Deadline;
  if (word == "superseded") return DrainOutcome::Superseded;
  return DrainOutcome::None;
}

void read_publication(const Json& json, ChangeAnswer& change) {
  change.generation = json.value("generation", change.generation);
  change.is_durable = json.value("durable", change.is_durable);
  const Json took = json.value("took_us", Json::object());
  change.persist_us = took.value("persist", change.persist_us);
  change.flip_us = took.value("flip", change.flip_us);
  change.adopted_us = took.value("adopted", change.adopted_us);
  const Json workers = json.value("workers", Json::object());
  change.workers_total = workers.value("total", change.workers_total);
  change.workers_adopted = workers.value("adopted", change.workers_adopted);
  change.workers_missing = workers.value("missing", change.workers_missing);
}

ChangeAnswer change_answer(const Json& json) {
  ChangeAnswer change;
  change.changed = json.at("changed").get<bool>();
  change.service = json.value("service", "");
  change.live = json.value("live", "");
  change.split_basis_points = json.value("split_basis_points", 0U);
  read_publication(json, change);
  if (json.contains("drain") && json.at("drain").is_object()) {
    const Json& drain = json.at("drain");
    change.drain = drain_outcome(drain.value("outcome", ""));
    change.requests_cut = drain.value("requests_cut", std::uint64_t{0});
    change.tunnels_cut = drain.value("tunnels_cut", std::uint64_t{0});
    change.tunnels_kept = drain.value("tunnels_kept", std::uint64_t{0});
  }
  change.warnings = json.value("warnings", std::vector<std::string>{});
  change.is_dry_run = json.value("dry_run", false);
  if (json.contains("would") && json.at("would").is_object()) {
    const Json& would = json.at("would");
    change.would_change = would.value("changed", false);
    change.would_live = would.value("live", "");
    change.would_split_basis_points = would.value("split_basis_points", 0U);
    change.moved_basis_points = would.value("moved_basis_points", 0U);
    change.users_seen = would.value("users_seen", std::uint64_t{0});
    change.users_moved = would.value("users_moved", std::uint64_t{0});
    if (would.contains("drain") && would.at("drain").is_object()) {
      const Json& drain = would.at("drain");
      change.would_drain = drain.value("pool", "");
      change.requests_there = drain.value("requests", std::uint64_t{0});
      change.tunnels_there = drain.value("tunnels", std::uint64_t{0});
    }
  }
  if (json.contains("endpoint") && json.at("endpoint").is_object()) {
    const Json& endpoint = json.at("endpoint");
    change.endpoint = endpoint.value("pool", "") + "/" + endpoint.value("address", "");
    change.endpoint_state = endpoint.value("state", "");
  }
  return change;
}

std::vector<ChangeAnswer> change_answers(const Json& json) {
  std::vector<ChangeAnswer> changes;
  for (const Json& service : json.at("services")) {
    changes.push_back(change_answer(service));
    read_publication(json, changes.back());
  }
  return changes;
}

std::vector<AuditService> audit_services(const Json& list) {
  std::vector<AuditService> services;
  for (const Json& json : list) {
    AuditService& service = services.emplace_back();
    service.name = json.value("name", "");
    service.live = json.value("live", "");
    service.split_basis_points = json.value("split_basis_points", 0U);
    service.salt = json.value("salt", "");
    for (const Json& endpoint : json.value("endpoints", Json::array())) {
      service.endpoints.push_back(endpoint.value("pool", "") + "/" + endpoint.value("address", "") +
                                  " " + endpoint.value("state", ""));
    }
  }
  return services;
}

AuditRecord audit_record(const Json& json) {
  AuditRecord record;
  record.unreadable = json.value("unreadable", "");
  record.time = json.value("time", "");
  record.generation = json.value("generation", std::uint64_t{0});
  record.action = json.value("action", "");
  record.reason = json.value("reason", "");
  const Json actor = json.value("actor", Json::object());
  record.uid = actor.value("uid", std::uint64_t{0});
  record.pid = actor.value("pid", std::int64_t{0});
  record.before = audit_services(json.value("before", Json::array()));
  record.after = audit_services(json.value("after", Json::array()));
  return record;
}

AuditAnswer audit_answer(const Json& json) {
  AuditAnswer audit;
  for (const Json& record : json.at("records")) audit.records.push_back(audit_record(record));
  audit.has_older = json.value("has_older", false);
  return audit;
}

Json object_or_empty(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? *found : Json::object();
}

void read_decision(const Json& json, ExplainAnswer& answer) {
  const Json identity = object_or_empty(json, "identity");
  answer.identity = text_or_empty(identity, "value");
  answer.identity_source = text_or_empty(identity, "source");
  answer.identity_name = text_or_empty(identity, "name");
  const Json pin = object_or_empty(json, "pin");
  answer.pin_number = pin.value("number", 0U);
  answer.pin_name = text_or_empty(pin, "name");
  answer.pin_pool = text_or_empty(pin, "pool");
  answer.is_pin_ignored = pin.value("ignored", false);
  answer.pool = text_or_empty(json, "pool");
  answer.reason = text_or_empty(json, "reason");
  if (json.contains("bucket") && json.at("bucket").is_number_unsigned())
    answer.bucket = json.at("bucket").get<unsigned>();
}

ExplainAnswer::Limit explained_limit(const Json& json) {
  const auto number = [&json](const char* name) -> std::optional<std::uint64_t> {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  return {.name = json.value("name", ""),
          .mode = json.value("mode", ""),
          .allows = json.value("allows", ""),
          .key = text_or_empty(json, "key"),
          .standing = json.value("standing", ""),
          .left = number("left"),
          .in_flight = number("in_flight"),
          .wait_ms = number("wait_ms").value_or(0)};
}

ExplainAnswer::Overload explained_overload(const Json& json) {
  return {.level = json.value("level", "normal"),
          .cause = text_or_empty(json, "cause"),
          .users = json.value("users", ""),
          .refused_basis_points = json.value("refused_basis_points", 0U),
          .refuses = json.value("refuses", false)};
}

ExplainAnswer explain_answer(const Json& json) {
  ExplainAnswer answer;
  answer.explanation = json.at("explanation").get<std::string>();
  answer.client = text_or_empty(object_or_empty(json, "request"), "client");
  answer.is_routing_told = json.contains("routing") && json.at("routing").is_object();
  const Json routing = object_or_empty(json, "routing");
  answer.routed_to = text_or_empty(routing, "service");
  answer.host = text_or_empty(routing, "host");
  answer.path_prefix = text_or_empty(routing, "path_prefix");
  answer.listener = text_or_empty(routing, "listener");
  const Json service = object_or_empty(json, "service");
  answer.service = text_or_empty(service, "name");
  answer.live = text_or_empty(service, "live");
  answer.candidate = text_or_empty(service, "candidate");
  answer.salt = text_or_empty(service, "salt");
  answer.is_candidate_open = service.value("candidate_open", false);
  answer.split_basis_points = service.value("split_basis_points", 0U);
  read_decision(json, answer);
  for (const Json& endpoint : json.value("endpoints", Json::array())) {
    answer.endpoints.push_back({endpoint.value("pool", ""), endpoint_state(endpoint),
                                endpoint.value("penalty_left_ms", std::uint64_t{0})});
  }
  for (const Json& limit : json.value("limits", Json::array()))
    answer.limits.push_back(explained_limit(limit));
  for (const Json& breaker : json.value("breakers", Json::array())) {
    answer.breakers.push_back({breaker.value("pool", ""), text_or_empty(breaker, "route"),
                               breaker.value("state", ""), breaker.value("admits", true)});
  }
  for (const Json& ceiling : json.value("ceilings", Json::array()))
    answer.ceilings.push_back(ceiling.value("pool", "") + " " + ceiling.value("key", ""));
  answer.overload = explained_overload(object_or_empty(json, "overload"));
  answer.answer_status = object_or_empty(json, "answer").value("status", 0U);
  return answer;
}

template <typename Body>
Json with_precondition(Json json, const Body& body) {
  if (body.reason) json["reason"] = *body.reason;
  if (body.if_generation) json["if_generation"] = *body.if_generation;
  return json;
}

template <typename Body>
Json with_drain(Json json, const Body& body) {
  if (body.waits) json["wait"] = true;
  if (body.drain) json["drain"] = *body.drain;
  if (body.is_forced) json["force"] = true;
  if (body.is_dry_run) json["dry_run"] = true;
  return with_precondition(std::move(json), body);
}

/// dump() throws on bytes that are not UTF-8; a reason typed in another encoding must not end the
/// program.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<StatusAnswer> read_status(std::string_view json) {
  return guarded(json, status_answer);
}
Result<ChangeAnswer> read_change(std::string_view json) {
  return guarded(json, change_answer);
}
Result<std::vector<ChangeAnswer>> read_changes(std::string_view json) {
  return guarded(json, change_answers);
}

Result<AuditAnswer> read_audit(std::string_view json) {
  return guarded(json, audit_answer);
}

Result<EventAnswer> read_event(std::string_view json) {
  return guarded(json, [](const Json& event) {
    EventAnswer answer{event.at("event").get<std::string>(), event.value("time", ""),
                       event.value("text", ""), std::nullopt};
    if (event.contains("count") && event.at("count").is_number_unsigned())
      answer.lost = event.at("count").get<std::uint64_t>();
    return answer;
  });
}

Result<ExplainAnswer> read_explain(std::string_view json) {
  return guarded(json, explain_answer);
}

Problem read_problem(std::string_view text) {
  const auto read = guarded(text, [](const Json& json) {
    return Problem{json.value("code", ""), json.value("detail", "")};
  });
  return read.value_or(Problem{"", std::string(text)});
}

std::string write_body(const SwitchBody& body) {
  return text_of(with_drain(Json{{"pool", body.pool}}, body));
}

std::string write_body(const SplitBody& body) {
  Json json{{"percent", body.percent}};
  if (body.salt) json["salt"] = *body.salt;
  if (body.is_dry_run) json["dry_run"] = true;
  return text_of(with_precondition(std::move(json), body));
}

std::string write_body(const RollbackBody& body) {
  Json json = Json::object();
  if (body.reason) json["reason"] = *body.reason;
  return text_of(json);
}

std::string write_body(const EndpointBody& body) {
  Json json{{"endpoint", body.endpoint}};
  if (body.is_forced) json["force"] = true;
  return text_of(with_precondition(std::move(json), body));
}

std::string write_body(const ExplainBody& body) {
  Json json = Json::object();
  const auto add = [&json](const char* name, const std::optional<std::string>& value) {
    if (value) json[name] = *value;
  };
  add("user", body.user);
  add("host", body.host);
  add("path", body.path);
  if (body.request) json["request"] = base64(*body.request);
  add("from", body.from);
  add("listener", body.listener);
  return text_of(json);
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view part = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8U | (j < part.size() ? static_cast<unsigned char>(part[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= part.size() ? kAlphabet[bits >> (18 - 6 * j) & 63U] : '=';
  }
  return out;
}

std::string write_body(const ChangesBody& body) {
  Json changes = Json::array();
  for (const std::string& service : body.services) {
    Json change{{"service", service}, {"action", body.action}};
    if (!body.pool.empty()) change["pool"] = body.pool;
    changes.push_back(std::move(change));
  }
  return text_of(with_drain(Json{{"changes", std::move(changes)}}, body));
}

}  // namespace sluice::cli
