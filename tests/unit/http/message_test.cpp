#include "sluice/http/message.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace sluice::http;

namespace {

struct Known {
  const char* name;
  FieldId id;
};
const Known kKnown[] = {{"Accept", FieldId::Accept},
                        {"Cache-Control", FieldId::CacheControl},
                        {"Connection", FieldId::Connection},
                        {"Content-Length", FieldId::ContentLength},
                        {"Cookie", FieldId::Cookie},
                        {"Date", FieldId::Date},
                        {"Expect", FieldId::Expect},
                        {"Forwarded", FieldId::Forwarded},
                        {"Host", FieldId::Host},
                        {"Keep-Alive", FieldId::KeepAlive},
                        {"Max-Forwards", FieldId::MaxForwards},
                        {"Proxy", FieldId::Proxy},
                        {"Proxy-Connection", FieldId::ProxyConnection},
                        {"Server", FieldId::Server},
                        {"Sluice-Pool", FieldId::SluicePrefixed},
                        {"TE", FieldId::Te},
                        {"Traceparent", FieldId::Traceparent},
                        {"Tracestate", FieldId::Tracestate},
                        {"Trailer", FieldId::Trailer},
                        {"Transfer-Encoding", FieldId::TransferEncoding},
                        {"Upgrade", FieldId::Upgrade},
                        {"User-Agent", FieldId::UserAgent},
                        {"Via", FieldId::Via},
                        {"X-Forwarded-For", FieldId::XForwardedFor},
                        {"X-Forwarded-Host", FieldId::XForwardedHost},
                        {"X-Forwarded-Port", FieldId::XForwardedPrefixed},
                        {"X-Forwarded-Proto", FieldId::XForwardedProto},
                        {"X-Request-Id", FieldId::XRequestId}};

}  // namespace

TEST_CASE("field ids: each known name in any case, and the table is complete", "[http][message]") {
  std::set<FieldId> seen{FieldId::Other};
  for (const Known& known : kKnown) {
    INFO(known.name);
    std::string name = known.name;
    CHECK(field_id(name) == known.id);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    CHECK(field_id(name) == known.id);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    CHECK(field_id(name) == known.id);
    seen.insert(known.id);
  }
  CHECK(seen.size() == static_cast<std::size_t>(FieldId::XRequestId) + 1);
}

TEST_CASE("field ids: one octet off is another name", "[http][message]") {
  for (const Known& known : kKnown) {
    if (known.id == FieldId::SluicePrefixed || known.id == FieldId::XForwardedPrefixed) continue;
    const std::string name = known.name;
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (unsigned c = 0; c < 256; ++c) {
        std::string changed = name;
        changed[i] = static_cast<char>(c);
        if (iequals(changed, name)) continue;
        INFO(known.name << " with " << c << " at " << i);
        if (field_id(changed) == known.id) FAIL();
      }
    }
    CHECK(field_id(name + "x") != known.id);
    CHECK(field_id(name.substr(1)) != known.id);
    CHECK(field_id(name.substr(0, name.size() - 1)) != known.id);
  }
  CHECK(field_id("") == FieldId::Other);
}

TEST_CASE("field ids: twins with other marks are forwarding fields, never the true ones",
          "[http][message]") {
  for (const char* name :
       {"X_Forwarded_For", "x-forwarded_for", "X_FORWARDED-HOST", "X_Forwarded_Proto",
        "X_Forwarded_Port", "X-Forwarded_Anything", "X_Request_Id", "X-Request_Id",
        "X.Forwarded.For", "x-forwarded~for", "X!Request+Id"}) {
    INFO(name);
    CHECK(field_id(name) == FieldId::XForwardedPrefixed);
  }
  CHECK(field_id("Sluice.Pool") == FieldId::SluicePrefixed);
  CHECK(field_id("XaForwardedbFor") == FieldId::Other);
  CHECK(field_id("X0Forwarded-For") == FieldId::Other);
  CHECK(field_id("Sluice_Pool") == FieldId::SluicePrefixed);
  CHECK(field_id("sluice-") == FieldId::SluicePrefixed);
  CHECK(field_id("Sluice") == FieldId::Other);
  CHECK(field_id("Sluices-Pool") == FieldId::Other);
  CHECK(field_id("X-Forwarded") == FieldId::Other);
  CHECK(field_id("Content_Length") == FieldId::Other);
}

TEST_CASE("iequals: folds ASCII letters and nothing else", "[http][message]") {
  CHECK(iequals("Host", "hOST"));
  CHECK(iequals("", ""));
  CHECK_FALSE(iequals("Host", "Hos"));
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const bool is_letter = (a >= 'a' && a <= 'z') || (a >= 'A' && a <= 'Z');
      const char x = static_cast<char>(a);
      const char y = static_cast<char>(b);
      const bool same = a == b || (is_letter && (a ^ b) == 0x20);
      if (iequals({&x, 1}, {&y, 1}) != same) FAIL(a << " and " << b);
    }
  }
}

TEST_CASE("methods: which are safe and which may be repeated", "[http][message]") {
  for (const Method method : {Method::Get, Method::Head, Method::Options, Method::Trace}) {
    CHECK(is_safe(method));
    CHECK(is_idempotent(method));
  }
  for (const Method method : {Method::Put, Method::Delete}) {
    CHECK_FALSE(is_safe(method));
    CHECK(is_idempotent(method));
  }
  for (const Method method : {Method::Post, Method::Patch, Method::Connect, Method::Other}) {
    CHECK_FALSE(is_safe(method));
    CHECK_FALSE(is_idempotent(method));
  }
}

TEST_CASE("header block: finds the first line by id and by name", "[http][message]") {
  const std::string bytes = "HostaX1X2E";
  const std::string_view view = bytes;
  HeaderBlock block;
  block.reset(bytes.data());
  CHECK_FALSE(block.find(FieldId::Host).has_value());
  block.add(view.substr(0, 4), view.substr(4, 1), FieldId::Host);
  block.add(view.substr(5, 1), view.substr(6, 1), FieldId::Other);
  block.add(view.substr(7, 1), view.substr(8, 1), FieldId::Other);
  block.add(view.substr(9, 1), {}, FieldId::Other);
  CHECK(block.find(FieldId::Host) == "a");
  CHECK(block.find("x") == "1");
  CHECK(block.find("e") == "");
  CHECK_FALSE(block.find("y").has_value());
  CHECK(block.has(FieldId::Host));
  CHECK_FALSE(block.has(FieldId::Via));
  block.reset(bytes.data());
  CHECK_FALSE(block.has(FieldId::Host));
  CHECK(block.size() == 0);
}

TEST_CASE("header block: full at its bound", "[http][message]") {
  const std::string bytes = "X1";
  HeaderBlock block;
  block.reset(bytes.data());
  for (std::size_t i = 0; i < sluice::core::limits::kFieldCountMax; ++i) {
    REQUIRE_FALSE(block.is_full());
    block.add({bytes.data(), 1}, {bytes.data() + 1, 1}, FieldId::Other);
  }
  CHECK(block.is_full());
}
