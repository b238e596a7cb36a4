#include <set>
#include <string>

#include "sluice/http/forward.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using heads::get_with;
using heads::request;
using sluice::core::IpAddress;
using sluice::core::Network;
using sluice::core::Rng;

namespace {

const std::vector<Network>& trusted() {
  static const std::vector<Network> networks{Network::parse("10.0.0.0/8", "x").value(),
                                             Network::parse("2001:db8::/32", "x").value()};
  return networks;
}

std::string client(const std::string& lines, const char* peer) {
  const auto read = request(get_with(lines));
  REQUIRE(read.reason() == "accepted");
  const auto found = find_client(read.head->fields, IpAddress::parse(peer), false, trusted());
  return found.address ? found.address->text() : "none";
}

}  // namespace

TEST_CASE("client: the right-most address that is no trusted proxy, when the peer is one",
          "[http][client]") {
  struct Row {
    const char* lines;
    const char* peer;
    const char* client;
  };
  const Row rows[] = {
      {"", "192.0.2.7", "192.0.2.7"},
      {"X-Forwarded-For: 1.1.1.1\r\n", "192.0.2.7", "192.0.2.7"},  // not a trusted peer
      {"", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1\r\n", "10.0.0.1", "1.1.1.1"},
      {"X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\n", "10.0.0.1", "1.1.1.1"},
      {"X-Forwarded-For: 6.6.6.6, 1.1.1.1 , 10.0.0.2\r\n", "10.0.0.1", "1.1.1.1"},
      {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.9.9.9\r\n",
       "10.0.0.1", "1.1.1.1"},
      {"X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.1",
       "10.0.0.3"},  // all trusted: the left-most
      {"X-Forwarded-For: 1.1.1.1, junk, 10.0.0.2\r\n", "10.0.0.1", "10.0.0.2"},
      {"X-Forwarded-For: 1.1.1.1, junk\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: junk\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1,\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For:\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1:80\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: 01.1.1.1\r\n", "10.0.0.1", "10.0.0.1"},
      {"X-Forwarded-For: ::ffff:1.1.1.1\r\n", "10.0.0.1", "1.1.1.1"},
      {"X-Forwarded-For: 2001:DB8::2, ::ffff:10.0.0.4\r\n", "2001:db8::1", "2001:db8::2"},
      {"X-Forwarded-For: 2001:db9::2, 2001:db8::2\r\n", "2001:db8::1", "2001:db9::2"},
      {"X_Forwarded_For: 1.1.1.1\r\n", "10.0.0.1", "10.0.0.1"},
  };
  for (const Row& row : rows) {
    INFO(row.lines << " from " << row.peer);
    CHECK(client(row.lines, row.peer) == row.client);
  }
}

TEST_CASE("client: a Unix-socket peer is believed only when it is trusted", "[http][client]") {
  const auto read = request(get_with("X-Forwarded-For: 1.1.1.1\r\n"));
  const auto believed = find_client(read.head->fields, {}, true, trusted());
  CHECK(believed.peer_is_trusted);
  CHECK(believed.address == IpAddress::parse("1.1.1.1"));
  const auto not_believed = find_client(read.head->fields, {}, false, trusted());
  CHECK_FALSE(not_believed.peer_is_trusted);
  CHECK_FALSE(not_believed.address.has_value());
  const auto silent = request(get_with(""));
  CHECK_FALSE(find_client(silent.head->fields, {}, true, trusted()).address.has_value());
}

TEST_CASE("request id: a UUID of version 4, another each time", "[http][client]") {
  Rng rng(81);
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    std::array<char, 36> scratch{};
    const std::string id(make_request_id(rng, scratch));
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
      REQUIRE((id[at] == '-') == is_dash);
      if (!is_dash)
        REQUIRE(std::string_view("0123456789abcdef").find(id[at]) != std::string_view::npos);
    }
    REQUIRE(id[14] == '4');
    REQUIRE(std::string_view("89ab").find(id[19]) != std::string_view::npos);
    REQUIRE(is_sane_request_id(id));
    seen.insert(id);
  }
  CHECK(seen.size() == 1'000);
}

TEST_CASE("request id: 1 to 128 visible ASCII characters are sane", "[http][client]") {
  CHECK(is_sane_request_id("a"));
  CHECK(is_sane_request_id("!~"));
  CHECK(is_sane_request_id(std::string(128, 'x')));
  CHECK_FALSE(is_sane_request_id(std::string(129, 'x')));
  CHECK_FALSE(is_sane_request_id(""));
  CHECK_FALSE(is_sane_request_id("a b"));
  CHECK_FALSE(is_sane_request_id("a\t"));
  CHECK_FALSE(is_sane_request_id("\x7F"));
  CHECK_FALSE(is_sane_request_id("\xC3\xA9"));
}

TEST_CASE("identity: 32 lower-case hex digits, another each time", "[http][client]") {
  Rng rng(82);
  std::array<char, 32> first{};
  std::array<char, 32> second{};
  const std::string a(make_identity(rng, first));
  const std::string b(make_identity(rng, second));
  CHECK(a.size() == 32);
  CHECK(a.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(a != b);
}
