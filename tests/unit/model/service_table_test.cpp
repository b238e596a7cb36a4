#include "sluice/model/service_table.hpp"

#include <string>

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;
using model::ServiceMatch;
using model::ServiceTable;

namespace {

ServiceMatch match(std::uint32_t id, std::vector<std::string> hosts, std::string prefix = "/",
                   std::vector<std::size_t> listeners = {}) {
  return {core::ServiceId{id}, std::move(hosts), std::move(prefix), std::move(listeners)};
}

/// Number of the service, -1 for none.
int find(const ServiceTable& table, std::string_view host, std::string_view path,
         std::size_t listener = 0) {
  const auto found = table.find(listener, host, path);
  return found ? static_cast<int>(found->raw) : -1;
}

}  // namespace

TEST_CASE("service table: an empty one finds nothing", "[model][table]") {
  const ServiceTable table({});
  CHECK(find(table, "a.example", "/") == -1);
  CHECK(find(table, "", "/") == -1);
}

TEST_CASE("service table: hosts compare without case", "[model][table]") {
  const ServiceTable table({match(0, {"shop.example.com"})});
  CHECK(find(table, "SHOP.Example.COM", "/x") == 0);
  CHECK(find(table, "shop.example.comm", "/x") == -1);
  CHECK(find(table, "", "/x") == -1);
}

TEST_CASE("service table: hosts of each length compare without case, letters only",
          "[model][table]") {
  for (std::size_t size = 1; size <= core::limits::kHostNameMax; ++size) {
    const ServiceTable table({match(0, {std::string(size, 'z')})});
    CHECK(find(table, std::string(size, 'Z'), "/") == 0);
    CHECK(find(table, std::string(size, '['), "/") == -1);
    CHECK(find(table, std::string(size + 1, 'Z'), "/") == -1);
  }
  for (unsigned octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    const bool is_upper = c >= 'A' && c <= 'Z';
    const ServiceTable table({match(0, {std::string("a") + c + "b"})});
    CHECK(find(table, std::string("A") + c + "B", "/") ==
          (is_upper ? -1 : 0));  // configured ones are lower
    const ServiceTable lower({match(0, {std::string("a") + static_cast<char>(c | 0x20) + "b"})});
    if (is_upper) CHECK(find(lower, std::string("A") + c + "B", "/") == 0);
  }
}

TEST_CASE("service table: a wildcard matches one or more labels, not the bare name",
          "[model][table]") {
  const ServiceTable table({match(0, {"*.example.com"})});
  CHECK(find(table, "a.example.com", "/") == 0);
  CHECK(find(table, "a.b.EXAMPLE.com", "/") == 0);
  CHECK(find(table, "example.com", "/") == -1);
  CHECK(find(table, ".example.com", "/") == -1);
  CHECK(find(table, "badexample.com", "/") == -1);
}

TEST_CASE("service table: exact before the longest wildcard before none", "[model][table]") {
  const ServiceTable table({match(0, {}), match(1, {"*.example.com"}),
                            match(2, {"*.b.example.com"}), match(3, {"a.b.example.com"})});
  CHECK(find(table, "a.b.example.com", "/") == 3);
  CHECK(find(table, "x.b.example.com", "/") == 2);
  CHECK(find(table, "y.x.b.example.com", "/") == 2);
  CHECK(find(table, "b.example.com", "/") == 1);
  CHECK(find(table, "example.com", "/") == 0);
  CHECK(find(table, "", "/") == 0);
}

TEST_CASE("service table: the longest prefix of whole segments", "[model][table]") {
  const ServiceTable table({match(0, {}), match(1, {}, "/app"), match(2, {}, "/app/admin")});
  CHECK(find(table, "h", "/") == 0);
  CHECK(find(table, "h", "/app") == 1);
  CHECK(find(table, "h", "/app/") == 1);
  CHECK(find(table, "h", "/app/x") == 1);
  CHECK(find(table, "h", "/apple") == 0);
  CHECK(find(table, "h", "/App") == 0);
  CHECK(find(table, "h", "/app/admin") == 2);
  CHECK(find(table, "h", "/app/administrator") == 1);
  CHECK(find(table, "h", "/app/admin/x") == 2);
}

TEST_CASE("service table: only the root prefix takes the asterisk form", "[model][table]") {
  CHECK(find(ServiceTable({match(0, {}, "/app"), match(1, {})}), "h", "*") == 1);
  CHECK(find(ServiceTable({match(0, {}, "/app")}), "h", "*") == -1);
}

TEST_CASE("service table: the host ranks above the prefix", "[model][table]") {
  const ServiceTable table({match(0, {"a.example"}), match(1, {}, "/long/prefix")});
  CHECK(find(table, "a.example", "/long/prefix/x") == 0);
}

TEST_CASE("service table: the next best host is tried when prefix or listener do not match",
          "[model][table]") {
  const ServiceTable table(
      {match(0, {"a.example.com"}, "/only"), match(1, {"*.example.com"}, "/", {1}), match(2, {})});
  CHECK(find(table, "a.example.com", "/only", 0) == 0);
  CHECK(find(table, "a.example.com", "/else", 1) == 1);
  CHECK(find(table, "a.example.com", "/else", 0) == 2);
}

TEST_CASE("service table: a service with listeners answers on those only", "[model][table]") {
  const ServiceTable table({match(0, {}, "/", {1, 3})});
  CHECK(find(table, "h", "/", 0) == -1);
  CHECK(find(table, "h", "/", 1) == 0);
  CHECK(find(table, "h", "/", 2) == -1);
  CHECK(find(table, "h", "/", 3) == 0);
}

TEST_CASE("service table: of two alike the one that names its listeners, then the first",
          "[model][table]") {
  const ServiceTable table(
      {match(0, {"a"}), match(1, {"a"}, "/", {1}), match(2, {"a"}), match(3, {"a"}, "/", {1})});
  CHECK(find(table, "a", "/", 0) == 0);
  CHECK(find(table, "a", "/", 1) == 1);
}

TEST_CASE("service table: the prefix ranks above the listener", "[model][table]") {
  const ServiceTable table({match(0, {}, "/", {0}), match(1, {}, "/app")});
  CHECK(find(table, "h", "/app/x", 0) == 1);
}

TEST_CASE("service table: a host longer than any name goes to the service for any host",
          "[model][table]") {
  const std::string longest(253 - 8, 'a');
  const ServiceTable table({match(0, {"*.example"}), match(1, {})});
  CHECK(find(table, longest + ".example", "/") == 0);
  CHECK(find(table, "a" + longest + ".example", "/") == 1);
  CHECK(find(table, std::string(100'000, '.'), "/") == 1);
  CHECK(find(ServiceTable({match(0, {"*.example"})}), std::string(253, '.'), "/") == -1);
}

TEST_CASE("service table: several hosts of one service", "[model][table]") {
  const ServiceTable table(
      {match(0, {"a.example", "*.b.example"}), match(1, {"c.example", "[::1]"})});
  CHECK(find(table, "a.example", "/") == 0);
  CHECK(find(table, "x.b.example", "/") == 0);
  CHECK(find(table, "c.example", "/") == 1);
  CHECK(find(table, "[::1]", "/") == 1);
}

TEST_CASE("service table: what decided is told as it was configured", "[model][table]") {
  const ServiceTable table({match(0, {}), match(1, {"*.example.com", "a.example"}, "/app", {1})});
  const auto any = table.locate(0, "a.example", "/app");
  REQUIRE(any);
  CHECK(any->service.raw == 0);
  CHECK(any->host.empty());
  CHECK_FALSE(any->names_listeners);
  const auto exact = table.locate(1, "A.example", "/app/x");
  REQUIRE(exact);
  CHECK(exact->host == "a.example");
  CHECK(exact->path_prefix == "/app");
  CHECK(exact->names_listeners);
  CHECK(table.locate(1, "x.example.com", "/app")->host == "*.example.com");
  CHECK_FALSE(ServiceTable({}).locate(0, "", "/"));
}
