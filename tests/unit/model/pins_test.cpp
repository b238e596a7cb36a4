#include "sluice/model/pins.hpp"

#include <string>

#include "sluice/http/h1_parser.hpp"
#include "support/catch.hpp"

using namespace sluice;
using model::ListPin;
using model::SegmentPin;
using model::ValuePin;
using policy::PinTarget;
using policy::Reason;

namespace {

core::Network network(const char* text) {
  return *core::Network::parse(text, "");
}

core::IpAddress address(const char* text) {
  return *core::IpAddress::parse(text);
}

/// A request with what pins look at.
struct Asked {
  explicit Asked(std::string_view lines, std::string_view target = "/")
      : text("GET " + std::string(target) + " HTTP/1.1\r\nHost: a.example\r\n" +
             std::string(lines) + "\r\n") {
    REQUIRE_FALSE(http::parse_request_head(text, {}, head));
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  Asked& from(const char* client_text) {
    client = address(client_text);
    return *this;
  }
  Asked& over_unix() {
    client = std::nullopt;
    return *this;
  }
  Asked& as(std::string user) {
    identity = std::move(user);
    return *this;
  }
  std::optional<policy::PinHit> hit(const std::vector<model::Pin>& pins) const {
    static const model::IdentityLists kLists{
        std::make_shared<const policy::IdentityList>(
            policy::IdentityList::parse("user-1\nuser-2\n", {}).value()),
        std::make_shared<const policy::IdentityList>()};
    std::optional<std::string_view> user;
    if (identity) user = *identity;
    return model::find_pin(pins, kLists, {.head = head, .client = client, .identity = user});
  }
  /// The word of its reason, or "none".
  std::string_view reason(const std::vector<model::Pin>& pins) const {
    const auto found = hit(pins);
    return found ? policy::text(found->reason) : "none";
  }

  std::string text;
  http::RequestHead head;
  std::optional<core::IpAddress> client = address("192.0.2.1");
  std::optional<std::string> identity;
};

ValuePin value_pin(ValuePin::Field field, std::string name) {
  return {.field = field,
          .name = std::move(name),
          .values = {{"b", PinTarget::Blue}, {"g", PinTarget::Green}, {"c", PinTarget::Candidate}},
          .from = {.networks = {network("192.0.2.0/24")}, .has_unix = false}};
}

SegmentPin share(const char* percent, std::string salt) {
  SegmentPin pin;
  pin.share = {core::BasisPoints::parse_percent(percent, "").value(), std::move(salt)};
  return pin;
}

}  // namespace

TEST_CASE("pins: without any there is no hit", "[model][pins]") {
  CHECK_FALSE(Asked("").hit({}));
}

TEST_CASE("pins: a header or cookie decides by its exact value", "[model][pins]") {
  const std::vector<model::Pin> header{value_pin(ValuePin::Field::Header, "X-Pin")};
  CHECK(Asked("x-pin: g\r\n").hit(header)->target == PinTarget::Green);
  CHECK(Asked("X-Pin:  b \r\n").hit(header)->target == PinTarget::Blue);
  CHECK(Asked("X-Pin: c\r\n").hit(header)->target == PinTarget::Candidate);
  CHECK(Asked("X-Pin: c\r\n").reason(header) == "pin_header");
  for (const char* other : {"", "X-Pin: G\r\n", "X-Pin: gg\r\n", "X-Pin:\r\n",
                            "Cookie: X-Pin=g\r\n", "X-Pin: x\r\nX-Pin: g\r\n"}) {
    INFO(other);
    CHECK_FALSE(Asked(other).hit(header));
  }
  const std::vector<model::Pin> cookie{value_pin(ValuePin::Field::Cookie, "pin")};
  CHECK(Asked("Cookie: a=b; pin=g\r\n").hit(cookie)->target == PinTarget::Green);
  CHECK(Asked("Cookie: pin=b\r\nCookie: pin=g\r\n").hit(cookie)->target == PinTarget::Blue);
  CHECK(Asked("Cookie: pin=g\r\n").reason(cookie) == "pin_cookie");
  for (const char* other : {"", "Cookie: PIN=g\r\n", "Cookie: pin=G\r\n", "Cookie: pin=\"g\"\r\n",
                            "Cookie: pin=\r\n", "Cookie: xpin=g\r\n", "pin: g\r\n"}) {
    INFO(other);
    CHECK_FALSE(Asked(other).hit(cookie));
  }
}

TEST_CASE("pins: a header or cookie counts only from its clients", "[model][pins]") {
  for (const auto field : {ValuePin::Field::Header, ValuePin::Field::Cookie}) {
    ValuePin pin = value_pin(field, "pin");
    const char* lines = field == ValuePin::Field::Header ? "pin: g\r\n" : "Cookie: pin=g\r\n";
    CHECK(Asked(lines).from("192.0.2.255").hit({pin}));
    CHECK_FALSE(Asked(lines).from("192.0.3.0").hit({pin}));
    CHECK_FALSE(Asked(lines).from("2001:db8::1").hit({pin}));
    CHECK_FALSE(Asked(lines).over_unix().hit({pin}));
    pin.from.has_unix = true;
    CHECK(Asked(lines).over_unix().hit({pin}));
  }
}

TEST_CASE("pins: a list decides by the identity", "[model][pins]") {
  const std::vector<model::Pin> pins{ListPin{.list = 0, .target = PinTarget::Candidate}};
  CHECK(Asked("").as("user-2").hit(pins)->target == PinTarget::Candidate);
  CHECK(Asked("").as("user-2").reason(pins) == "pin_list");
  CHECK_FALSE(Asked("").as("user-3").hit(pins));
  CHECK_FALSE(Asked("Cookie: user-2=user-2\r\n").hit(pins));
  CHECK_FALSE(Asked("").as("user-2").hit({ListPin{.list = 1, .target = PinTarget::Live}}));
}

TEST_CASE("pins: a segment by path takes whole segments of the normal form", "[model][pins]") {
  SegmentPin pin;
  pin.path_prefix = "/admin";
  pin.target = PinTarget::Live;
  for (const char* path : {"/admin", "/admin/", "/admin/x?y=z", "/%61dmin", "/a/../admin/x"}) {
    INFO(path);
    CHECK(Asked("", path).reason({pin}) == "pin_segment");
  }
  for (const char* path : {"/", "/administrator", "/Admin", "/x/admin", "/admin/..", "/?/admin"}) {
    INFO(path);
    CHECK_FALSE(Asked("", path).hit({pin}));
  }
}

TEST_CASE("pins: several segments look at one path", "[model][pins]") {
  SegmentPin first;
  first.path_prefix = "/admin";
  first.target = PinTarget::Live;
  SegmentPin second;
  second.path_prefix = "/app";
  const std::vector<model::Pin> pins{first, second};
  CHECK(Asked("", "/a/../%61pp/x").hit(pins)->target == PinTarget::Candidate);
  CHECK(Asked("", "/a/../%61dmin").hit(pins)->target == PinTarget::Live);
  CHECK_FALSE(Asked("", "/a/../%61").hit(pins));
}

TEST_CASE("pins: a segment by network takes its clients", "[model][pins]") {
  SegmentPin pin;
  pin.network = {.networks = {network("10.0.0.0/8"), network("2001:db8::/32")}, .has_unix = false};
  CHECK(Asked("").from("10.255.0.1").reason({pin}) == "pin_segment");
  CHECK(Asked("").from("2001:db8::1").hit({pin}));
  CHECK_FALSE(Asked("").from("11.0.0.1").hit({pin}));
  CHECK_FALSE(Asked("").over_unix().hit({pin}));
  pin.network->has_unix = true;
  CHECK(Asked("").over_unix().hit({pin}));
}

TEST_CASE("pins: a segment by header takes one value", "[model][pins]") {
  SegmentPin pin;
  pin.header = {"X-Plan", "free"};
  CHECK(Asked("x-plan: free\r\n").reason({pin}) == "pin_segment");
  for (const char* other : {"", "X-Plan: Free\r\n", "X-Plan: free tier\r\n", "X-Plan:\r\n"}) {
    INFO(other);
    CHECK_FALSE(Asked(other).hit({pin}));
  }
}

TEST_CASE("pins: a segment by percentage takes the users below it, with its own salt",
          "[model][pins]") {
  // Bucket 8756 (behaviour.md §2).
  CHECK(Asked("").as("user-1").reason({share("87.57%", "shop-2026")}) == "pin_segment");
  CHECK_FALSE(Asked("").as("user-1").hit({share("87.56%", "shop-2026")}));
  CHECK(Asked("").as("user-1").hit({share("100%", "beta")}));
  CHECK_FALSE(Asked("").hit({share("100%", "beta")}));
  int both = 0;
  int mine = 0;
  for (int i = 0; i < 10'000; ++i) {
    Asked asked("");
    asked.as("user-" + std::to_string(i));
    if (!asked.hit({share("20%", "beta")})) continue;
    ++mine;
    both += asked.hit({share("20%", "shop-2026")}) ? 1 : 0;
  }
  CHECK(mine > 1800);
  CHECK(mine < 2200);
  CHECK(both > 300);  // 4 % of 10,000, as the salts are independent
  CHECK(both < 500);
}

TEST_CASE("pins: every condition of a segment must hold", "[model][pins]") {
  SegmentPin pin = share("100%", "beta");
  pin.header = {"X-Plan", "free"};
  pin.path_prefix = "/app";
  pin.network = {.networks = {network("192.0.2.0/24")}, .has_unix = false};
  CHECK(Asked("X-Plan: free\r\n", "/app/x").as("u").hit({pin}));
  CHECK_FALSE(Asked("X-Plan: paid\r\n", "/app/x").as("u").hit({pin}));
  CHECK_FALSE(Asked("X-Plan: free\r\n", "/x").as("u").hit({pin}));
  CHECK_FALSE(Asked("X-Plan: free\r\n", "/app/x").as("u").from("198.51.100.1").hit({pin}));
  CHECK_FALSE(Asked("X-Plan: free\r\n", "/app/x").hit({pin}));
}

TEST_CASE("pins: the first that matches decides", "[model][pins]") {
  ValuePin header = value_pin(ValuePin::Field::Header, "X-Pin");
  SegmentPin office;
  office.network = {.networks = {network("192.0.2.0/24")}, .has_unix = false};
  office.target = PinTarget::Live;
  const ListPin listed{.list = 0, .target = PinTarget::Candidate};
  const std::vector<model::Pin> pins{header, listed, office};
  CHECK(Asked("X-Pin: g\r\n").as("user-1").reason(pins) == "pin_header");
  CHECK(Asked("X-Pin: x\r\n").as("user-1").reason(pins) == "pin_list");
  CHECK(Asked("").as("user-9").hit(pins)->target == PinTarget::Live);
  CHECK(Asked("").as("user-1").reason({office, listed}) == "pin_segment");
}

TEST_CASE("pins: a request for the whole server has the path /", "[model][pins]") {
  const std::string text = "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n";
  http::RequestHead head;
  REQUIRE_FALSE(http::parse_request_head(text, {}, head));
  SegmentPin all;
  all.path_prefix = "/";
  SegmentPin some;
  some.path_prefix = "/app";
  const std::optional<core::IpAddress> client;
  const model::PinnedRequest request{.head = head, .client = client, .identity = std::nullopt};
  CHECK(model::find_pin(std::vector<model::Pin>{all}, {}, request));
  CHECK_FALSE(model::find_pin(std::vector<model::Pin>{some}, {}, request));
}
