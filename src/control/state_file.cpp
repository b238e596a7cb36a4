#include "control/state_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <nlohmann/json.hpp>

#include "control/digest.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/policy/split.hpp"

namespace sluice::control {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVersionPrefix = "{\n  \"version\": ";
constexpr std::string_view kHead = "{\n  \"version\": 1,\n  \"checksum\": \"sha256:";
constexpr int kIndent = 2;

// dump() throws on bytes that are not UTF-8 unless told to replace them.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json endpoints_json(const std::vector<model::EndpointDecision>& endpoints) {
  Json list = Json::array();
  for (const model::EndpointDecision& endpoint : endpoints) {
    Json& json = list.emplace_back(Json{{"pool", core::text(endpoint.pool)},
                                        {"address", endpoint.address},
                                        {"state", text(endpoint.mode)}});
    if (endpoint.gone_since) json["gone_since"] = core::format_rfc3339(*endpoint.gone_since);
  }
  return list;
}

Json service_json(const model::ServiceTraffic& service) {
  Json json{{"name", service.name},
            {"generation", service.generation.raw},
            {"live", core::text(service.live)},
            {"split_basis_points", service.split.count()},
            {"salt", service.salt},
            {"candidate_open", service.is_candidate_open},
            {"can_undo_switch", service.can_undo_switch}};
  if (!service.endpoints.empty()) json["endpoints"] = endpoints_json(service.endpoints);
  if (service.gone_since) json["gone_since"] = core::format_rfc3339(*service.gone_since);
  return json;
}

Json services_json(const std::vector<model::ServiceTraffic>& services) {
  Json list = Json::array();
  for (const auto& service : services) list.push_back(service_json(service));
  return list;
}

Json record_json(const ChangeRecord& record) {
  return {{"generation", record.generation.raw},
          {"time", core::format_rfc3339(record.time)},
          {"actor", {{"uid", record.actor.uid}, {"pid", record.actor.pid}}},
          {"action", record.action},
          {"reason", record.reason},
          {"before", services_json(record.before)},
          {"after", services_json(record.after)}};
}

// ---- reading: every function says whether the value was there and of its type ----

bool take(const Json& from, const char* key, std::uint64_t& out) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number_unsigned()) return false;
  out = found->get<std::uint64_t>();
  return true;
}

bool take(const Json& from, const char* key, bool& out) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_boolean()) return false;
  out = found->get<bool>();
  return true;
}

bool take(const Json& from, const char* key, std::string& out) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_string()) return false;
  out = found->get_ref<const std::string&>();
  return true;
}

bool take(const Json& from, const char* key, core::PoolName& out) {
  std::string text;
  if (!take(from, key, text)) return false;
  out = text == "green" ? core::PoolName::Green : core::PoolName::Blue;
  return text == core::text(out);
}

std::optional<int> number(std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// Exactly what format_rfc3339() writes: `2026-01-31T12:00:00.000Z`.
std::optional<core::WallTime> parse_rfc3339(std::string_view text) {
  namespace chr = std::chrono;
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
  if (text.size() != kShape.size()) return std::nullopt;
  const auto year = number(text.substr(0, 4)), month = number(text.substr(5, 2)),
             day = number(text.substr(8, 2)), hour = number(text.substr(11, 2)),
             minute = number(text.substr(14, 2)), second = number(text.substr(17, 2)),
             milli = number(text.substr(20, 3));
  if (!year || !month || !day || !hour || !minute || !second || !milli) return std::nullopt;
  const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                 chr::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const core::WallTime time = chr::sys_days(date) + chr::hours(*hour) + chr::minutes(*minute) +
                              chr::seconds(*second) + chr::milliseconds(*milli);
  if (core::format_rfc3339(time) != text) return std::nullopt;
  return time;
}

bool take(const Json& from, const char* key, core::WallTime& out) {
  std::string text;
  if (!take(from, key, text)) return false;
  const auto time = parse_rfc3339(text);
  if (time) out = *time;
  return time.has_value();
}

bool take(const Json& from, const char* key, model::EndpointMode& out) {
  std::string text;
  if (!take(from, key, text)) return false;
  for (const auto mode : {model::EndpointMode::Draining, model::EndpointMode::Disabled}) {
    if (text == model::text(mode)) out = mode;
  }
  return text == model::text(out);
}

bool take_endpoint(const Json& json, model::EndpointDecision& out) {
  if (!json.is_object() || !take(json, "pool", out.pool) || !take(json, "address", out.address) ||
      !take(json, "state", out.mode)) {
    return false;
  }
  return !json.contains("gone_since") || take(json, "gone_since", out.gone_since.emplace());
}

/// Absent: all are enabled. They must stand in their order, each once.
bool take_endpoints(const Json& service, std::vector<model::EndpointDecision>& out) {
  const auto found = service.find("endpoints");
  if (found == service.end()) return true;
  if (!found->is_array()) return false;
  for (const Json& json : *found) {
    if (!take_endpoint(json, out.emplace_back())) return false;
  }
  const auto is_in_order = [](const model::EndpointDecision& a, const model::EndpointDecision& b) {
    return std::pair(core::index(a.pool), std::string_view(a.address)) <
           std::pair(core::index(b.pool), std::string_view(b.address));
  };
  return std::ranges::adjacent_find(out, std::not_fn(is_in_order)) == out.end();
}

bool take_service(const Json& json, model::ServiceTraffic& out) {
  std::uint64_t split = 0;
  if (!json.is_object() || !take(json, "name", out.name) ||
      !take(json, "generation", out.generation.raw) || !take(json, "live", out.live) ||
      !take(json, "split_basis_points", split) || !take(json, "salt", out.salt) ||
      !take(json, "candidate_open", out.is_candidate_open) ||
      !take(json, "can_undo_switch", out.can_undo_switch) || !take_endpoints(json, out.endpoints)) {
    return false;
  }
  if (json.contains("gone_since") && !take(json, "gone_since", out.gone_since.emplace())) {
    return false;
  }
  if (split > core::BasisPoints::kAll) return false;
  out.split = *core::BasisPoints::make(static_cast<std::int64_t>(split), "");
  return true;
}

bool take(const Json& from, const char* key, std::vector<model::ServiceTraffic>& out) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_array()) return false;
  for (const Json& json : *found) {
    if (!take_service(json, out.emplace_back())) return false;
  }
  return true;
}

bool take_record(const Json& from, ChangeRecord& out) {
  const auto actor = from.find("actor");
  if (actor == from.end() || !actor->is_object()) return false;
  const auto uid = actor->find("uid"), pid = actor->find("pid");
  if (uid == actor->end() || pid == actor->end()) return false;
  if (!uid->is_number_unsigned() || !pid->is_number_integer()) return false;
  out.actor = {.uid = uid->get<std::uint32_t>(), .pid = pid->get<std::int32_t>()};
  return take(from, "generation", out.generation.raw) && take(from, "time", out.time) &&
         take(from, "action", out.action) && take(from, "reason", out.reason) &&
         take(from, "before", out.before) && take(from, "after", out.after);
}

core::Error corrupt(std::string what) {
  return {core::ErrorCode::Corrupt, "", std::move(what)};
}

std::string checksum_of(std::string bytes) {
  bytes.replace(kHead.size(), kDigestHexSize, kDigestHexSize, '0');
  return sha256_hex(bytes);
}

core::Status check_version_and_checksum(std::string_view bytes) {
  if (!bytes.starts_with(kHead)) {
    const bool is_ours = bytes.starts_with(kVersionPrefix);
    return corrupt(is_ours ? "written in a format that this version does not know"
                           : "not a state file");
  }
  if (bytes.size() < kHead.size() + kDigestHexSize) return corrupt("cut short");
  if (checksum_of(std::string(bytes)) != bytes.substr(kHead.size(), kDigestHexSize)) {
    return corrupt("the checksum does not match: cut short or damaged");
  }
  return core::ok();
}

/// Users that a closed candidate would get: no change leads there, and neither rule may win by
/// chance.
const model::ServiceTraffic* split_but_closed(const model::TrafficState& state) {
  const auto found = std::ranges::find_if(state.services, [](const model::ServiceTraffic& service) {
    return service.split.count() > 0 && !service.is_candidate_open;
  });
  return found == state.services.end() ? nullptr : &*found;
}

bool has_sane_names(const model::TrafficState& state) {
  for (const auto& service : state.services) {
    if (service.name.empty() || state.find(service.name) != &service) return false;
    if (service.generation.raw == 0 || service.generation > state.generation) return false;
  }
  return true;
}

}  // namespace

core::Result<std::string> encode_state(const StateImage& image) {
  Json json{{"version", kStateVersion},
            {"checksum", fmt::format("sha256:{:0>{}}", "", kDigestHexSize)},
            {"hash", policy::kHashVersion},
            {"generation", image.state.generation.raw},
            {"services", services_json(image.state.services)},
            {"record", record_json(image.record)}};
  std::string text = dump(json, kIndent) + "\n";
  text.replace(kHead.size(), kDigestHexSize, checksum_of(text));
  // Read back at once: a state that could not be loaded again must be refused now, not at the next
  // start.
  const auto read_back = decode_state(text);
  if (!read_back && split_but_closed(image.state) != nullptr) return read_back.error();
  if (!read_back || read_back->state != image.state) {
    return core::Error{core::ErrorCode::BadInput, "",
                       "the state can't be written: a service name or salt is not UTF-8"};
  }
  return text;
}

core::Result<StateImage> decode_state(std::string_view bytes) {
  if (const core::Status checked = check_version_and_checksum(bytes); !checked) {
    return checked.error();
  }
  const Json json = Json::parse(bytes, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return corrupt("not JSON");
  std::string hash;
  if (!take(json, "hash", hash) || hash != policy::kHashVersion) {
    return corrupt("users were split by a hash that this version does not know");
  }
  StateImage image;
  const auto record = json.find("record");
  if (record == json.end() || !record->is_object() ||
      !take(json, "generation", image.state.generation.raw) ||
      !take(json, "services", image.state.services) || !take_record(*record, image.record)) {
    return corrupt("a member is missing or of another type");
  }
  if (image.state.generation.raw == 0 || !has_sane_names(image.state)) {
    return corrupt("generations or names contradict each other");
  }
  if (const model::ServiceTraffic* service = split_but_closed(image.state)) {
    return corrupt("service " + service->name + " has a split of " + service->split.percent() +
                   " and a closed candidate: they contradict each other");
  }
  return image;
}

std::string encode_record(const ChangeRecord& record) {
  return dump(record_json(record), -1);
}

std::optional<ChangeRecord> decode_record(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  ChangeRecord record;
  if (!json.is_object() || !take_record(json, record)) return std::nullopt;
  return record;
}

std::optional<core::Generation> generation_of(std::string_view record) {
  const Json json = Json::parse(record, nullptr, false);
  core::Generation generation;
  if (json.is_discarded() || !json.is_object()) return std::nullopt;
  if (!take(json, "generation", generation.raw)) return std::nullopt;
  return generation;
}

}  // namespace sluice::control
