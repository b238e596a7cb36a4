#include "sluice/policy/identity.hpp"

#include <map>
#include <vector>

#include "support/catch.hpp"

using namespace sluice;
using policy::IdentityKind;
using policy::IdentitySource;

namespace {

const std::vector<IdentitySource> kSources{
    {.kind = IdentityKind::Cookie, .name = "uid", .max_age = {}},
    {.kind = IdentityKind::Header, .name = "X-User-Id", .max_age = {}},
    {.kind = IdentityKind::MintCookie, .name = "sluice_id", .max_age = std::chrono::hours(24)},
};

using Request = std::map<std::string, std::string>;

policy::Identity choose(const Request& request,
                        const std::vector<IdentitySource>& sources = kSources) {
  return policy::choose_identity(sources, [&](const IdentitySource& source) {
    const auto found = request.find(source.name);
    return found == request.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  });
}

}  // namespace

TEST_CASE("identity: the first source that is present wins", "[policy][identity]") {
  const Request request{{"uid", "c-1"}, {"X-User-Id", "h-1"}, {"sluice_id", "m-1"}};
  const auto found = choose(request);
  CHECK(found.octets == "c-1");
  CHECK(found.source == &kSources[0]);
  CHECK(found.mint == nullptr);
  const Request without_cookie{{"X-User-Id", "h-1"}};
  CHECK(choose(without_cookie).octets == "h-1");
}

TEST_CASE("identity: an empty value is absent", "[policy][identity]") {
  const Request request{{"uid", ""}, {"X-User-Id", "h-1"}};
  const auto found = choose(request);
  CHECK(found.octets == "h-1");
  CHECK_FALSE(found.was_too_long);
}

TEST_CASE("identity: 1,024 octets count, 1,025 are absent and noted", "[policy][identity]") {
  const Request most{{"uid", std::string(core::limits::kIdentityMax, 'x')}};
  CHECK(choose(most).octets.size() == core::limits::kIdentityMax);
  CHECK_FALSE(choose(most).was_too_long);
  const Request more{{"uid", std::string(core::limits::kIdentityMax + 1, 'x')},
                     {"X-User-Id", "h-1"}};
  const auto found = choose(more);
  CHECK(found.octets == "h-1");
  CHECK(found.was_too_long);
}

TEST_CASE("identity: a cookie is minted only when nothing else is present", "[policy][identity]") {
  const auto minted = choose({});
  CHECK(minted.mint == &kSources[2]);
  CHECK_FALSE(minted.value());
  const Request returned{{"sluice_id", "0123"}};
  const auto used = choose(returned);
  CHECK(used.octets == "0123");
  CHECK(used.mint == nullptr);
}

TEST_CASE("identity: none of the sources is present", "[policy][identity]") {
  const std::vector<IdentitySource> sources{kSources[0], kSources[1]};
  const auto found = choose({}, sources);
  CHECK_FALSE(found.value());
  CHECK(found.source == nullptr);
  CHECK(found.mint == nullptr);
}

TEST_CASE("identity: kinds have the words of the configuration", "[policy][identity]") {
  CHECK(policy::text(IdentityKind::Cookie) == "cookie");
  CHECK(policy::text(IdentityKind::Header) == "header");
  CHECK(policy::text(IdentityKind::Query) == "query");
  CHECK(policy::text(IdentityKind::ClientAddress) == "client_address");
  CHECK(policy::text(IdentityKind::MintCookie) == "mint_cookie");
}
