#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"

/// The top level of the file.
namespace sluice::config {

namespace {

void read_memory_limit(Reader& in, Value value, MemoryLimit& memory) {
  if (value.is_word()) {
    memory = {.kind = value.is("auto") ? MemoryLimit::Kind::Auto : MemoryLimit::Kind::Off};
    return;
  }
  std::uint64_t bytes = 0;
  if (read_size(in, value, bytes)) memory = {.kind = MemoryLimit::Kind::Bytes, .bytes = bytes};
}

void read_process_limits(Reader& in, Value value, Draft& draft) {
  const Section limits(in, value, tables::kProcessLimits, "'limits'");
  Config& config = draft.config;
  if (const auto v = limits.get("connections")) {
    draft.connections_at = v->node->at;
    read_number_or_word(in, *v, config.connections);
  }
  if (const auto v = limits.get("connections_per_address")) {
    read_number_or_word(in, *v, config.connections_per_address);
  }
  if (const auto v = limits.get("requests_per_connection")) {
    read_number_or_word(in, *v, config.requests_per_connection);
  }
  if (const auto v = limits.get("tunnels")) {
    read_number_or_word(in, *v, config.tunnels);
  }
  if (const auto v = limits.get("memory")) read_memory_limit(in, *v, config.memory);
}

void read_access_log(Reader& in, Value value, Config& config) {
  if (value.is_word()) return;
  const Section log(in, value, tables::kAccessLog, "'access_log'");
  if (const auto v = log.require("path")) {
    std::string path;
    if (read_text(in, *v, path)) config.access_log = path;
  }
  const auto format = log.get("format");
  if (!format) return;
  if (!format->is_word()) return report_bad_word(in, *format);
  config.log_format = format->is("json") ? LogFormat::Json : LogFormat::Combined;
}

// The name when there is one that can be shown, else the number in the list.
std::string service_label(const Node& node, std::size_t number) {
  const auto name = std::ranges::find(node.children, "name", &Node::key);
  const bool has_name =
      name != node.children.end() && name->kind == Node::Kind::Scalar && !name->text.empty();
  return has_name ? fmt::format("service '{}'", shown(name->text))
                  : fmt::format("service {}", number);
}

void read_services(Reader& in, Value list, Draft& draft) {
  std::map<std::string, int> first_line;
  for (const Value item : items_of(in, list)) {
    std::vector<Service>& services = draft.config.services;
    const std::size_t problems_before = in.problem_count();
    Service& service = services.emplace_back();
    read_service(in, item, service_label(*item.node, services.size()), draft.config, service);
    const auto [first, is_new] = first_line.emplace(service.name, service.at.line);
    if (!is_new && !service.name.empty()) {
      in.report(
          *item.node,
          fmt::format("service name '{}' is given twice, expected another name (first in line {})",
                      service.name, first->second));
    }
    if (in.problem_count() > problems_before) draft.damaged_services.insert(services.size() - 1);
  }
}

}  // namespace

Draft read_config(Reader& in, const Node& root) {
  static constexpr Key kFile{
      .name = "the file", .expects = "a map with 'listeners' and 'services'", .about = ""};
  Draft draft;
  Config& config = draft.config;
  const Section top(in, {&root, &kFile}, tables::kTop, "the file");
  if (const auto v = top.get("workers")) read_number_or_word(in, *v, config.workers);
  if (const auto v = top.get("limits")) read_process_limits(in, *v, draft);
  if (const auto v = top.require("listeners")) read_listeners(in, *v, config.listeners);
  if (const auto v = top.get("admin")) read_admin(in, *v, config);
  if (const auto v = top.get("state_dir")) read_text(in, *v, config.state_dir);
  if (const auto v = top.get("access_log")) read_access_log(in, *v, config);
  if (const auto v = top.get("trusted_proxies")) {
    model::ClientSet trusted = read_networks(in, *v);
    config.trusted_proxies = std::move(trusted.networks);
    config.trusts_unix = trusted.has_unix;
  }
  if (const auto v = top.require("services")) read_services(in, *v, draft);
  return draft;
}

}  // namespace sluice::config
