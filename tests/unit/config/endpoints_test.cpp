#include "sluice/config/endpoints.hpp"

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

namespace {

using namespace sluice;
using config::place_endpoints;
using config::ResolvedNames;

config::Endpoint address(const std::string& text) {
  config::Endpoint endpoint;
  endpoint.address = core::SocketAddress::parse(text, "").value();
  endpoint.text = text;
  return endpoint;
}

config::Endpoint name(const std::string& host, std::uint16_t port) {
  config::Endpoint endpoint;
  endpoint.host = host;
  endpoint.address.port = port;
  endpoint.text = host + ":" + std::to_string(port);
  return endpoint;
}

config::ResolvedName found(const std::vector<std::string>& texts) {
  config::ResolvedName name;
  for (const std::string& text : texts) name.addresses.push_back(*core::IpAddress::parse(text));
  return name;
}

/// 10.0.0.0, 10.0.0.1, ...
config::ResolvedName many(std::size_t count) {
  config::ResolvedName name;
  for (std::size_t i = 0; i < count; ++i) {
    name.addresses.push_back(core::IpAddress::v4(
        {10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i % 256)}));
  }
  return name;
}

std::vector<std::string> texts(const config::PlacedPool& pool) {
  std::vector<std::string> all;
  for (const auto& endpoint : pool.endpoints) all.push_back(endpoint.text);
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("endpoints: each address of a name is one, in the place of the name",
          "[config][endpoints]") {
  const config::Pool pool{{address("127.0.0.1:1"), name("app", 9001), address("unix:/a")}};
  const auto placed = place_endpoints(pool, {{"app", found({"10.0.0.1", "2001:db8::1"})}});
  CHECK(texts(placed) == Texts{"127.0.0.1:1", "10.0.0.1:9001", "[2001:db8::1]:9001", "unix:/a"});
  CHECK(placed.endpoints[0].names.empty());
  CHECK(placed.endpoints[1].names == Texts{"app:9001"});
  CHECK(placed.endpoints[1].address.port == 9001);
  CHECK(placed.endpoints[2].why_down.empty());
  CHECK(placed.left_out == 0);
}

TEST_CASE("endpoints: a name without an address is one that is down, and says why",
          "[config][endpoints]") {
  const config::Pool pool{{name("app", 9001), name("b", 1), address("127.0.0.1:1")}};
  const auto placed = place_endpoints(pool, {{"app", {{}, "no such name"}}});
  CHECK(texts(placed) == Texts{"app:9001", "b:1", "127.0.0.1:1"});
  CHECK(placed.endpoints[0].why_down == "no such name");
  CHECK(placed.endpoints[0].names.empty());
  CHECK_FALSE(placed.endpoints[1].why_down.empty());
  CHECK(placed.endpoints[2].why_down.empty());
}

TEST_CASE("endpoints: an address is there once, and knows every name that has it",
          "[config][endpoints]") {
  const config::Pool pool{{name("a", 1), name("b", 1), address("10.0.0.2:1"), name("a", 2)}};
  const auto placed = place_endpoints(
      pool, {{"a", found({"10.0.0.1", "10.0.0.2"})}, {"b", found({"10.0.0.1", "10.0.0.3"})}});
  CHECK(texts(placed) ==
        Texts{"10.0.0.1:1", "10.0.0.3:1", "10.0.0.2:1", "10.0.0.1:2", "10.0.0.2:2"});
  CHECK(placed.endpoints[0].names == Texts{"a:1", "b:1"});
  CHECK(placed.endpoints[1].names == Texts{"b:1"});
  CHECK(placed.endpoints[2].names == Texts{"a:1"});  // written out, and an address of a
  CHECK(placed.endpoints[3].names == Texts{"a:2"});
}

TEST_CASE("endpoints: a pool has its most, and what is above is counted", "[config][endpoints]") {
  constexpr std::size_t kMost = core::limits::kEndpointsPerPoolMax;
  const config::Pool pool{{name("app", 1)}};
  for (const std::size_t count : {kMost - 1, kMost, kMost + 1, 4 * kMost}) {
    const auto placed = place_endpoints(pool, {{"app", many(count)}});
    CHECK(placed.endpoints.size() == std::min(count, kMost));
    CHECK(placed.left_out == count - std::min(count, kMost));
  }
}

TEST_CASE("endpoints: a name with many addresses leaves each later line its place",
          "[config][endpoints]") {
  constexpr std::size_t kMost = core::limits::kEndpointsPerPoolMax;
  const config::Pool pool{{name("app", 1), name("b", 1), name("down", 1), address("127.0.0.1:1")}};
  const auto placed = place_endpoints(
      pool, {{"app", many(kMost)}, {"b", found({"10.9.0.1", "10.9.0.2"})}, {"down", {}}});
  REQUIRE(placed.endpoints.size() == kMost);
  CHECK(placed.endpoints[kMost - 4].text == "10.0.0.252:1");
  CHECK(placed.endpoints[kMost - 3].text == "10.9.0.1:1");
  CHECK(placed.endpoints[kMost - 2].text == "down:1");
  CHECK(placed.endpoints[kMost - 1].text == "127.0.0.1:1");
  CHECK(placed.left_out == 4);  // 3 of app, 1 of b
}

TEST_CASE("endpoints: a name that many pools have is looked up once", "[config][endpoints]") {
  config::Config config;
  config.services.resize(2);
  config.services[0].pools[0].endpoints = {name("b", 1), address("127.0.0.1:1"), name("a", 1)};
  config.services[0].pools[1].endpoints = {name("a", 2)};
  config.services[1].pools[1].endpoints = {name("a.", 1), name("b", 1)};
  CHECK(config::hosts_of(config) == Texts{"a", "a.", "b"});
  CHECK(config::hosts_of({}).empty());
}

TEST_CASE("endpoints: an address of a name that is this proxy is none", "[config][endpoints]") {
  const auto listener = [](const std::string& text) {
    return config::Listener{
        .name = "main", .bind = core::SocketAddress::parse(text, "").value(), .at = {}};
  };
  const std::vector<config::Listener> at{listener("127.0.0.1:9001")};
  const config::Pool pool{{name("app", 9001), address("127.0.0.1:9003")}};
  const auto some = place_endpoints(pool, {{"app", found({"10.0.0.1", "127.0.0.1"})}}, {at});
  CHECK(texts(some) == Texts{"10.0.0.1:9001", "127.0.0.1:9003"});
  CHECK(some.circles ==
        std::vector<config::Circle>{
            {"app:9001", core::SocketAddress::parse("127.0.0.1:9001", "").value(), "main"}});
  const auto all = place_endpoints(pool, {{"app", found({"127.0.0.1"})}}, {at});
  CHECK(texts(all) == Texts{"app:9001", "127.0.0.1:9003"});
  CHECK(all.endpoints[0].why_down == "its addresses are listeners of this proxy");
  const auto other_port =
      place_endpoints({{name("app", 9002)}}, {{"app", found({"127.0.0.1"})}}, {at});
  CHECK(texts(other_port) == Texts{"127.0.0.1:9002"});
  CHECK(other_port.circles.empty());
}

TEST_CASE("endpoints: which listener of this proxy an address is", "[config][endpoints]") {
  const auto is_own = [](const std::string& bind, const std::string& text) {
    const std::vector<config::Listener> listeners{
        {.name = "main", .bind = core::SocketAddress::parse(bind, "").value(), .at = {}}};
    const std::vector<core::IpAddress> machine{*core::IpAddress::parse("10.0.0.5"),
                                               *core::IpAddress::parse("2001:db8::5")};
    const auto* own =
        config::own_listener({listeners, machine}, core::SocketAddress::parse(text, "").value());
    return own == listeners.data();
  };
  CHECK(is_own("10.0.0.1:80", "10.0.0.1:80"));
  CHECK_FALSE(is_own("10.0.0.1:80", "10.0.0.1:81"));
  CHECK_FALSE(is_own("10.0.0.1:80", "10.0.0.2:80"));
  CHECK_FALSE(is_own("10.0.0.1:80", "127.0.0.1:80"));
  CHECK(is_own("0.0.0.0:80", "127.0.0.1:80"));
  CHECK(is_own("0.0.0.0:80", "127.255.255.255:80"));
  CHECK_FALSE(is_own("0.0.0.0:80", "127.0.0.1:81"));
  CHECK_FALSE(is_own("0.0.0.0:80", "128.0.0.1:80"));
  CHECK(is_own("0.0.0.0:80", "10.0.0.5:80"));
  CHECK_FALSE(is_own("0.0.0.0:80", "10.0.0.5:81"));
  CHECK_FALSE(is_own("0.0.0.0:80", "[2001:db8::5]:80"));
  CHECK_FALSE(is_own("127.0.0.1:80", "10.0.0.5:80"));
  CHECK(is_own("[::]:80", "[2001:db8::5]:80"));
  CHECK_FALSE(is_own("[::]:80", "10.0.0.5:80"));
  CHECK_FALSE(is_own("0.0.0.0:80", "[::1]:80"));
  CHECK(is_own("[::]:80", "[::1]:80"));
  CHECK_FALSE(is_own("[::]:80", "[::2]:80"));
  CHECK_FALSE(is_own("[::]:80", "127.0.0.1:80"));  // IPV6_V6ONLY
  CHECK(is_own("unix:/a", "unix:/a"));
  CHECK_FALSE(is_own("unix:/a", "unix:/b"));
  CHECK_FALSE(is_own("unix:/a", "127.0.0.1:80"));
}
