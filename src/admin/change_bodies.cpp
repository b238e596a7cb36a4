#include "admin/change_bodies.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::admin {

namespace {

using Json = nlohmann::json;
using control::ChangeRequest;
using control::ServiceOrder;

core::Error bad(std::string what) {
  return {core::ErrorCode::BadInput, "", std::move(what)};
}

/// nlohmann keeps the last of repeated members silently; which one another reader would take is
/// anybody's guess.
core::Result<Json> parse_object(std::string_view body) {
  std::vector<std::set<std::string>> names;
  std::optional<std::string> repeated;
  const auto look = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.back().insert(name).second) repeated = name;
    }
    return true;
  };
  Json json = Json::parse(body.empty() ? std::string_view("{}") : body, look, false);
  if (json.is_discarded()) return bad("the body is not JSON");
  if (!json.is_object()) return bad("the body is not a JSON object");
  if (repeated) return bad("member \"" + *repeated + "\" is repeated");
  return json;
}

/// The members of one object, each looked at once. The first error stays.
class Members {
 public:
  Members(const Json& object, std::initializer_list<std::string_view> known) : object_(object) {
    for (const auto& [name, value] : object.items()) {
      if (std::ranges::find(known, std::string_view(name)) == known.end()) unknown(name, known);
    }
  }

  std::optional<std::string> string(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    fail(std::string(name) + " is a string");
    return std::nullopt;
  }
  bool flag(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(std::string(name) + " is true or false");
    return value->is_boolean() && value->get<bool>();
  }
  std::optional<std::uint64_t> number(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned()) return value->get<std::uint64_t>();
    fail(std::string(name) + " is a whole number");
    return std::nullopt;
  }
  std::optional<core::PoolName> pool(const char* name) {
    const auto text = string(name);
    if (!text) return std::nullopt;
    for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
      if (*text == core::text(pool)) return pool;
    }
    fail(std::string(name) + " is \"blue\" or \"green\"");
    return std::nullopt;
  }
  std::optional<core::Millis> duration(const char* name) {
    const auto text = string(name);
    if (!text) return std::nullopt;
    const auto parsed = core::parse_duration(*text, name);
    if (!parsed) {
      fail(parsed.error().text());
      return std::nullopt;
    }
    return *parsed;
  }
  std::optional<core::BasisPoints> percent(const char* name) {
    const auto text = string(name);
    if (!text) return std::nullopt;
    const auto parsed = core::BasisPoints::parse_percent(*text, name);
    if (!parsed) {
      fail(parsed.error().text());
      return std::nullopt;
    }
    return *parsed;
  }

  void require(bool is_there, const char* name) {
    if (!is_there) fail(std::string(name) + " is missing");
  }
  void fail(std::string what) {
    if (!error_) error_ = bad(std::move(what));
  }
  const std::optional<core::Error>& error() const { return error_; }

 private:
  const Json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void unknown(const std::string& name, std::initializer_list<std::string_view> known) {
    std::string names;
    for (const std::string_view each : known) {
      names.append(names.empty() ? "" : ", ").append(each);
    }
    fail("unknown member \"" + name.substr(0, 64) + "\"; there is: " + names);
  }

  const Json& object_;
  std::optional<core::Error> error_;
};

void take_common(Members& members, ChangeRequest& request) {
  request.reason = members.string("reason").value_or("");
  request.if_generation = members.number("if_generation");
}

void take_dry_run(Members& members, ChangeRequest& request) {
  if (members.flag("dry_run")) request.execution = control::Execution::DryRun;
}

void take_drain(Members& members, ChangeRequest& request) {
  request.drain = members.duration("drain");
  if (members.flag("wait")) request.answer = control::AnswerWhen::Drained;
  if (members.flag("force")) request.check = control::SafetyCheck::Skipped;
}

core::Result<ChangeRequest> finished(const Members& members, ChangeRequest request) {
  if (members.error()) return *members.error();
  return request;
}

ServiceOrder parse_order(Members& members) {
  ServiceOrder order;
  order.service = members.string("service").value_or("");
  const auto action = members.string("action");
  const auto pool = members.pool("pool");
  members.require(action.has_value(), "action");
  if (action == "switch") {
    order.action = control::Action::Switch;
    members.require(pool.has_value(), "pool");
    order.pool = pool.value_or(core::PoolName::Blue);
  } else if (action == "rollback") {
    if (pool) members.fail("a rollback names no pool");
  } else {
    members.fail("action is \"switch\" or \"rollback\"");
  }
  return order;
}

std::optional<std::uint32_t> base64_value(char c) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = kAlphabet.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint32_t>(at);
}

}  // namespace

core::Result<ChangeRequest> parse_switch(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json, {"pool", "wait", "drain", "force", "dry_run", "reason", "if_generation"});
  ChangeRequest request;
  take_common(members, request);
  take_dry_run(members, request);
  take_drain(members, request);
  const auto pool = members.pool("pool");
  members.require(pool.has_value(), "pool");
  ServiceOrder& order = request.orders.emplace_back();
  order.action = control::Action::Switch;
  order.pool = pool.value_or(core::PoolName::Blue);
  return finished(members, std::move(request));
}

core::Result<ChangeRequest> parse_split(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json, {"percent", "salt", "dry_run", "reason", "if_generation"});
  ChangeRequest request;
  take_common(members, request);
  take_dry_run(members, request);
  const auto percent = members.percent("percent");
  members.require(percent.has_value(), "percent");
  ServiceOrder& order = request.orders.emplace_back();
  order.action = control::Action::Split;
  order.split = percent.value_or(core::BasisPoints{});
  order.salt = members.string("salt");
  return finished(members, std::move(request));
}

core::Result<ChangeRequest> parse_rollback(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json, {"reason"});
  ChangeRequest request;
  request.reason = members.string("reason").value_or("");
  request.orders.emplace_back().action = control::Action::Rollback;
  return finished(members, std::move(request));
}

core::Result<ChangeRequest> parse_endpoint(std::string_view body, model::EndpointMode mode) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json, {"endpoint", "force", "reason", "if_generation"});
  ChangeRequest request;
  take_common(members, request);
  if (members.flag("force")) request.check = control::SafetyCheck::Skipped;
  const auto endpoint = members.string("endpoint");
  members.require(endpoint.has_value(), "endpoint");
  ServiceOrder& order = request.orders.emplace_back();
  order.action = control::Action::Endpoint;
  order.endpoint = endpoint.value_or("");
  order.mode = mode;
  return finished(members, std::move(request));
}

core::Result<ChangeRequest> parse_changes(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json,
                  {"changes", "reason", "if_generation", "wait", "drain", "force", "dry_run"});
  ChangeRequest request;
  request.scope = control::Scope::List;
  take_common(members, request);
  take_dry_run(members, request);
  take_drain(members, request);
  const auto list = json->find("changes");
  if (list == json->end() || !list->is_array()) {
    members.fail("changes is a list");
    return finished(members, std::move(request));
  }
  if (list->size() > core::limits::kServicesMax) members.fail("too many changes");
  for (const Json& each : *list) {
    if (members.error()) break;
    if (!each.is_object()) {
      members.fail("each of changes is an object");
      break;
    }
    Members order(each, {"service", "action", "pool"});
    request.orders.push_back(parse_order(order));
    if (order.error()) members.fail(order.error()->what);
  }
  return finished(members, std::move(request));
}

core::Result<control::ExplainRequest> parse_explain(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  Members members(*json, {"user", "host", "path", "request", "from", "listener"});
  control::ExplainRequest asked;
  asked.user = members.string("user");
  asked.host = members.string("host");
  asked.path = members.string("path");
  asked.listener = members.string("listener").value_or("");
  const auto request = members.string("request");
  if (!asked.user && !request) members.fail("user or request is missing");
  if (asked.user && request) members.fail("user or request, not both");
  if (request && (asked.host || asked.path)) members.fail("host and path stand in the request");
  if (request) {
    asked.request = base64_decoded(*request);
    if (!asked.request) members.fail("request is not base64");
  }
  if (const auto from = members.string("from")) {
    asked.from = core::IpAddress::parse(*from);
    if (!asked.from && *from != "unix:") members.fail("from is an IP address, or \"unix:\"");
  }
  if (members.error()) return *members.error();
  return asked;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;  // bits that wait, 0 to 6
  for (const char c : text) {
    const auto value = base64_value(c);
    if (!value) return std::nullopt;
    bits = bits << 6U | *value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFFU);
  }
  // Bits that no octet takes are zero in what an encoder writes (RFC 4648 §3.5).
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace sluice::admin
