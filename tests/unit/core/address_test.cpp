#include "sluice/core/address.hpp"

#include <arpa/inet.h>

#include <string>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using sluice::core::IpAddress;
using sluice::core::Network;
using sluice::core::Rng;
using sluice::core::SocketAddress;

TEST_CASE("address: text is written as RFC 5952 asks", "[core][address]") {
  struct Row {
    const char* given;
    const char* written;
  };
  const Row rows[] = {
      {"192.0.2.7", "192.0.2.7"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // §4.2.2: one zero group is not shortened
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},        // §4.2.3: the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},  // §4.2.3: the first of two
      {"0:0:1:0:0:0:0:0", "0:0:1::"},
      {"::1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::1.2.3.4", "::102:304"},         // inet_ntop would write ::1.2.3.4
      {"::ffff:192.0.2.7", "192.0.2.7"},  // mapped is IPv4: one client, one form
      {"::FFFF:c000:0207", "192.0.2.7"},
      {"::ffff:0:192.0.2.7", "::ffff:0:c000:207"},
      {"fe80::1", "fe80::1"},
  };
  for (const Row& row : rows) {
    INFO(row.given);
    const auto address = IpAddress::parse(row.given);
    REQUIRE(address.has_value());
    CHECK(address->text() == row.written);
  }
}

TEST_CASE("address: what is no address is refused", "[core][address]") {
  for (const char* text : {"",
                           " ",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "01.2.3.4",
                           "1.2.3.04",
                           "1.2.3.",
                           ".1.2.3",
                           "1..2.3",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "+1.2.3.4",
                           "0x1.2.3.4",
                           "1.2.3.1000",
                           ":",
                           ":::",
                           "::1::",
                           "1::2::3",
                           "1:2:3:4:5:6:7",
                           ":1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7::8",
                           "12345::",
                           "g::",
                           "fe80::1%eth0",
                           "[::1]",
                           "::1.2.3",
                           "1.2.3.4::",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1.2.3.4:5::",
                           "::1.2.3.4:5",
                           "1.2.3.4:80",
                           "localhost"}) {
    INFO("'" << text << "'");
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

TEST_CASE("address: mapped octets become IPv4 and compare equal to it", "[core][address]") {
  const auto mapped = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 1, 2, 3});
  CHECK_FALSE(mapped.is_v6());
  CHECK(mapped == IpAddress::v4({10, 1, 2, 3}));
  CHECK(IpAddress::v4({0, 0, 0, 0}) != *IpAddress::parse("::"));
}

TEST_CASE("address: written text reads back, here and by the C library", "[core][address]") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::array<std::uint8_t, 16> octets{};
    // Zero groups are made frequent, since shortening them is where writers err.
    for (std::size_t i = 0; i < 16; i += 2) {
      if (rng.below(2) == 0) continue;
      octets[i] = static_cast<std::uint8_t>(rng.below(3) == 0 ? rng.below(256) : 0);
      octets[i + 1] = static_cast<std::uint8_t>(rng.below(256));
    }
    const IpAddress address = IpAddress::v6(octets);
    const std::string written = address.text();
    INFO(written);
    REQUIRE(IpAddress::parse(written) == address);
    if (!address.is_v6()) continue;
    std::array<std::uint8_t, 16> theirs{};
    REQUIRE(inet_pton(AF_INET6, written.c_str(), theirs.data()) == 1);
    REQUIRE(theirs == octets);
  }
}

TEST_CASE("address: the longest text fits the scratch of write()", "[core][address]") {
  std::array<char, 46> scratch{};
  CHECK(IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")->write(scratch).size() == 39);
}

TEST_CASE("socket address: the three forms read and write back", "[core][address]") {
  for (const char* text :
       {"127.0.0.1:80", "0.0.0.0:0", "[::1]:80", "[2001:db8::1]:65535", "unix:/run/app.sock"}) {
    INFO(text);
    const auto parsed = SocketAddress::parse(text, "x");
    REQUIRE(parsed.has_value());
    CHECK(parsed->text() == text);
  }
  CHECK(SocketAddress::parse("unix:/run/app.sock", "x")->is_unix());
  CHECK(SocketAddress::parse("[::ffff:10.0.0.1]:80", "x")->text() == "10.0.0.1:80");
}

TEST_CASE("socket address: names, bare addresses and bad ports are refused", "[core][address]") {
  for (const char* text :
       {"", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:+1", "127.0.0.1: 80", "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "[::1:80",
        "unix:", "unix:app.sock", "127.0.0.1:80x"}) {
    INFO("'" << text << "'");
    const auto parsed = SocketAddress::parse(text, "bind");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().where == "bind");
  }
}

TEST_CASE("socket address: a Unix path fits sun_path or is refused", "[core][address]") {
  CHECK(SocketAddress::parse("unix:/" + std::string(106, 'a'), "x").has_value());
  CHECK_FALSE(SocketAddress::parse("unix:/" + std::string(107, 'a'), "x").has_value());
}

TEST_CASE("network: contains exactly its addresses", "[core][address]") {
  struct Row {
    const char* network;
    const char* first;
    const char* last;
    const char* below;
    const char* above;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"},
      {"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"},
      {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
      {"2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff::", "2001:db7:ffff::", "2001:db8:8000::"},
      {"::1", "::1", "::1", "::", "::2"},
      {"::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
  };
  for (const Row& row : rows) {
    INFO(row.network);
    const auto network = Network::parse(row.network, "x");
    REQUIRE(network.has_value());
    CHECK(network->contains(*IpAddress::parse(row.first)));
    CHECK(network->contains(*IpAddress::parse(row.last)));
    CHECK_FALSE(network->contains(*IpAddress::parse(row.below)));
    CHECK_FALSE(network->contains(*IpAddress::parse(row.above)));
  }
}

TEST_CASE("network: the whole of one family does not contain the other", "[core][address]") {
  const auto all_v4 = Network::parse("0.0.0.0/0", "x").value();
  const auto all_v6 = Network::parse("::/0", "x").value();
  CHECK(all_v4.contains(*IpAddress::parse("255.1.2.3")));
  CHECK_FALSE(all_v4.contains(*IpAddress::parse("::1")));
  CHECK(all_v6.contains(*IpAddress::parse("ffff::1")));
  CHECK_FALSE(all_v6.contains(*IpAddress::parse("10.0.0.1")));
}

TEST_CASE("network: malformed ones and bits behind the prefix are refused", "[core][address]") {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
                           "10.0.0.0/8/8", "10.0.0.0/ 8", "::/129", "10.0.0.1/8", "192.0.2.129/25",
                           "2001:db8::1/32", "::ffff:10.0.0.0/95", "example.com/8"}) {
    INFO("'" << text << "'");
    CHECK_FALSE(Network::parse(text, "x").has_value());
  }
  CHECK(Network::parse("10.1.2.3/8", "trusted_proxies[0]").error().text().find("10.0.0.0/8") !=
        std::string::npos);
  CHECK(Network::parse("10.0.0.0/8", "x")->text() == "10.0.0.0/8");
  CHECK(Network::parse("2001:DB8::/32", "x")->text() == "2001:db8::/32");
}

TEST_CASE("network: covers those whose addresses are all in it", "[core][address]") {
  const auto network = [](const char* text) { return *Network::parse(text, ""); };
  CHECK(network("10.0.0.0/8").covers(network("10.0.0.0/8")));
  CHECK(network("10.0.0.0/8").covers(network("10.1.0.0/16")));
  CHECK(network("0.0.0.0/0").covers(network("192.0.2.7")));
  CHECK(network("::/0").covers(network("2001:db8::/32")));
  CHECK_FALSE(network("10.1.0.0/16").covers(network("10.0.0.0/8")));
  CHECK_FALSE(network("10.0.0.0/8").covers(network("11.0.0.0/8")));
  CHECK_FALSE(network("0.0.0.0/0").covers(network("::/0")));
  CHECK_FALSE(network("::/0").covers(network("0.0.0.0/0")));
}
