#include "net/machine_addresses.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace sluice;

TEST_CASE("machine addresses: loopback is one, an address of nobody is none", "[net]") {
  const auto addresses = net::machine_addresses();
  const auto has = [&](const char* text) {
    return std::ranges::find(addresses, *core::IpAddress::parse(text)) != addresses.end();
  };
  CHECK(has("127.0.0.1"));
  CHECK_FALSE(has("192.0.2.1"));  // for documents: RFC 5737 §3
  CHECK_FALSE(has("0.0.0.0"));
}
