#include "control/change_plan.hpp"

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using control::Action;
using control::ChangePlan;
using control::ChangeRequest;
using control::RefusalCode;
using core::PoolName;

const config::Config kConfig = test::config_of({"shop", "blog"});
const std::vector<control::KnownService> kKnown = test::known_of(kConfig);

model::TrafficState truth() {
  model::TrafficState state = config::initial_traffic(kConfig);
  state.generation = core::Generation{10};
  state.services[0].generation = core::Generation{7};
  state.services[1].generation = core::Generation{10};
  for (auto& service : state.services) service.is_candidate_open = false;
  return state;
}

ChangeRequest list(std::vector<ChangeRequest> parts) {
  ChangeRequest request;
  request.scope = control::Scope::List;
  for (auto& part : parts) request.orders.push_back(part.orders.front());
  return request;
}

std::optional<RefusalCode> refusal_of(const ChangeRequest& request) {
  ChangePlan plan;
  const auto refusal = control::plan_change(truth(), kKnown, request, plan);
  return refusal ? std::optional(refusal->code) : std::nullopt;
}

ChangePlan plan_of(const ChangeRequest& request, const model::TrafficState& state = truth()) {
  ChangePlan plan;
  REQUIRE_FALSE(control::plan_change(state, kKnown, request, plan));
  return plan;
}

}  // namespace

TEST_CASE("plan: a switch raises the generation of the state and of its service only",
          "[control][plan]") {
  const ChangePlan plan = plan_of(test::switch_to(PoolName::Green));
  CHECK(plan.changed);
  CHECK(plan.after.generation == core::Generation{11});
  CHECK(plan.after.services[0].generation == core::Generation{11});
  CHECK(plan.after.services[0].live == PoolName::Green);
  CHECK(plan.after.services[1] == truth().services[1]);
  CHECK(plan.services[0].drains == PoolName::Blue);
  CHECK(plan.services[0].target == PoolName::Green);
}

TEST_CASE("plan: what changes nothing keeps the generation", "[control][plan]") {
  for (const ChangeRequest& request : {test::switch_to(PoolName::Blue), test::rollback()}) {
    const ChangePlan plan = plan_of(request);
    CHECK_FALSE(plan.changed);
    CHECK(plan.after == truth());
    CHECK_FALSE(plan.services[0].target);
    CHECK_FALSE(plan.services[0].drains);
  }
}

TEST_CASE("plan: a split drains nobody and needs no check", "[control][plan]") {
  const ChangePlan plan = plan_of(test::split_to(0));
  CHECK(plan.changed);
  CHECK(plan.after.services[0].is_candidate_open);
  CHECK_FALSE(plan.services[0].drains);
  CHECK_FALSE(plan.services[0].target);
}

TEST_CASE("plan: a list is one generation, all or nothing", "[control][plan]") {
  const ChangePlan plan =
      plan_of(list({test::switch_to(PoolName::Green), test::switch_to(PoolName::Green, "blog")}));
  CHECK(plan.after.generation == core::Generation{11});
  CHECK(plan.after.services[0].generation == core::Generation{11});
  CHECK(plan.after.services[1].generation == core::Generation{11});
  CHECK(refusal_of(
            list({test::switch_to(PoolName::Green), test::switch_to(PoolName::Green, "blag")})) ==
        RefusalCode::UnknownService);
}

TEST_CASE("plan: in a list only those that change are stamped", "[control][plan]") {
  const ChangePlan plan =
      plan_of(list({test::switch_to(PoolName::Green), test::switch_to(PoolName::Blue, "blog")}));
  CHECK(plan.changed);
  CHECK(plan.after.services[1].generation == core::Generation{10});
  CHECK_FALSE(plan.services[1].changed);
}

TEST_CASE("plan: if_generation is the service's own for one, the installation's for a list",
          "[control][plan]") {
  ChangeRequest one = test::switch_to(PoolName::Green);
  one.if_generation = 7;
  CHECK_FALSE(refusal_of(one));
  one.if_generation = 10;
  CHECK(refusal_of(one) == RefusalCode::GenerationMismatch);
  ChangeRequest several = list({test::switch_to(PoolName::Green)});
  several.if_generation = 10;
  CHECK_FALSE(refusal_of(several));
  several.if_generation = 7;
  CHECK(refusal_of(several) == RefusalCode::GenerationMismatch);
}

TEST_CASE("plan: a mismatch refuses also what would change nothing", "[control][plan]") {
  ChangeRequest request = test::switch_to(PoolName::Blue);
  request.if_generation = 6;
  CHECK(refusal_of(request) == RefusalCode::GenerationMismatch);
}

TEST_CASE("plan: refusals name what is wrong", "[control][plan]") {
  CHECK(refusal_of(test::rollback("shp")) == RefusalCode::UnknownService);
  CHECK(refusal_of(test::rollback("")) == RefusalCode::ServiceRequired);
  CHECK(refusal_of(ChangeRequest{}) == RefusalCode::BadRequest);
  CHECK(refusal_of(list({test::rollback(), test::rollback()})) == RefusalCode::BadRequest);

  ChangePlan plan;
  const auto refusal = control::plan_change(truth(), kKnown, test::rollback(""), plan);
  CHECK(refusal->detail.find("shop, blog") != std::string::npos);
}

TEST_CASE("plan: without a name the only service is meant", "[control][plan]") {
  const auto only = test::known_of(test::config_of({"shop"}));
  ChangePlan plan;
  CHECK_FALSE(control::plan_change(truth(), only, test::switch_to(PoolName::Green, ""), plan));
  CHECK(plan.services[0].name == "shop");
}

TEST_CASE("plan: limits of drain, reason and salt", "[control][plan]") {
  namespace limits = core::limits;
  ChangeRequest request = test::split_to(100);
  request.reason = std::string(limits::kReasonMax, 'r');
  CHECK_FALSE(refusal_of(request));
  request.reason += 'r';
  CHECK(refusal_of(request) == RefusalCode::BadRequest);

  request = test::split_to(100);
  request.orders[0].salt = std::string(limits::kSaltMax, 's');
  CHECK_FALSE(refusal_of(request));
  request.orders[0].salt = std::string(limits::kSaltMax + 1, 's');
  CHECK(refusal_of(request) == RefusalCode::BadRequest);
  request.orders[0].salt = "";
  CHECK(refusal_of(request) == RefusalCode::BadRequest);

  request = test::switch_to(PoolName::Green);
  request.drain = core::Millis(0);
  CHECK_FALSE(refusal_of(request));
  request.drain = limits::kDrainDeadlineMax;
  CHECK_FALSE(refusal_of(request));
  request.drain = core::Millis(limits::kDrainDeadlineMax) + core::Millis(1);
  CHECK(refusal_of(request) == RefusalCode::BadRequest);
}

TEST_CASE("plan: the record tells before and after of what changed", "[control][plan]") {
  ChangeRequest request =
      list({test::switch_to(PoolName::Green), test::switch_to(PoolName::Blue, "blog")});
  request.reason = "release 7";
  request.actor = {.uid = 1000, .pid = 1};
  const ChangePlan plan = plan_of(request);
  const auto record = control::record_of(truth(), plan, request,
                                         core::WallTime{std::chrono::microseconds(1'234'567)});
  CHECK(record.generation == core::Generation{11});
  CHECK(record.time == core::WallTime{std::chrono::milliseconds(1234)});
  CHECK(record.action == "switch");
  CHECK(record.reason == "release 7");
  CHECK(record.actor == request.actor);
  REQUIRE(record.before.size() == 1);
  CHECK(record.before[0] == truth().services[0]);
  CHECK(record.after[0] == plan.after.services[0]);
}

TEST_CASE("plan: a salt is what the configuration file takes", "[control][plan]") {
  const model::TrafficState state = truth();
  const auto refusal_of = [&state](const std::string& salt) {
    control::ChangeRequest request = test::split_to(1000);
    request.orders[0].salt = salt;
    control::ChangePlan plan;
    return control::plan_change(state, kKnown, request, plan);
  };
  for (const std::string& salt :
       {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xff"), std::string(core::limits::kSaltMax + 1, 'x')}) {
    INFO(salt);
    const auto refusal = refusal_of(salt);
    REQUIRE(refusal);
    CHECK(refusal->code == control::RefusalCode::BadRequest);
    CHECK(refusal->detail == "salt is text of 1 to 256 bytes without control characters");
  }
  CHECK_FALSE(refusal_of("t\xC3\xA9l\xC3\xA9"));
  CHECK_FALSE(refusal_of(std::string(core::limits::kSaltMax, 'x')));
}

TEST_CASE("plan: a mixed list is a change, and only rollbacks overtake", "[control][plan]") {
  const ChangeRequest mixed = list({test::switch_to(PoolName::Green), test::rollback("blog")});
  CHECK(control::action_of(mixed) == "change");
  CHECK_FALSE(control::is_rollback(mixed));
  CHECK(control::is_rollback(list({test::rollback(), test::rollback("blog")})));
  CHECK_FALSE(control::is_rollback(ChangeRequest{}));
}

// ---- endpoints; shop has 127.0.0.1:9001 in blue and :9002 in green ----

namespace {

ChangeRequest endpoint(const std::string& text, model::EndpointMode mode) {
  return test::endpoint_to(mode, text);
}

control::Refusal refusal(const ChangeRequest& request, const model::TrafficState& state,
                         std::span<const control::KnownService> known) {
  ChangePlan plan;
  const auto refused = control::plan_change(state, known, request, plan);
  REQUIRE(refused);
  return *refused;
}

/// Two endpoints in each pool, the second of them the same in both.
std::vector<control::KnownService> two_each() {
  std::vector<control::KnownService> known = kKnown;
  for (auto& endpoints : known[0].endpoints) endpoints.push_back({"unix:/run/both.sock"});
  return known;
}

constexpr auto kDraining = model::EndpointMode::Draining;
constexpr auto kDisabled = model::EndpointMode::Disabled;
constexpr auto kEnabled = model::EndpointMode::Enabled;

}  // namespace

TEST_CASE("plan: an endpoint is found by its address alone or behind its pool",
          "[control][plan][endpoint]") {
  for (const char* text : {"127.0.0.1:9002", "green/127.0.0.1:9002"}) {
    const ChangePlan plan = plan_of(endpoint(text, kDraining));
    INFO(text);
    CHECK(plan.changed);
    CHECK(plan.after.generation == core::Generation{11});
    CHECK(plan.after.services[0].mode_of(PoolName::Green, "127.0.0.1:9002") == kDraining);
    CHECK(plan.after.services[0].live == truth().services[0].live);
    REQUIRE(plan.services[0].endpoint);
    CHECK(plan.services[0].endpoint->pool == PoolName::Green);
    CHECK_FALSE(plan.services[0].drains);
    CHECK_FALSE(plan.services[0].target);
  }
  CHECK_FALSE(plan_of(endpoint("127.0.0.1:9002", kEnabled)).changed);
}

TEST_CASE("plan: an endpoint of both pools needs its pool, and both forms are named",
          "[control][plan][endpoint]") {
  const auto known = two_each();
  const auto refused = refusal(endpoint("unix:/run/both.sock", kDraining), truth(), known);
  CHECK(refused.code == RefusalCode::AmbiguousEndpoint);
  CHECK(refused.detail.find("blue/unix:/run/both.sock or green/unix:/run/both.sock") !=
        std::string::npos);
  ChangePlan plan;
  REQUIRE_FALSE(
      control::plan_change(truth(), known, endpoint("green/unix:/run/both.sock", kDraining), plan));
  CHECK(plan.after.services[0].mode_of(PoolName::Green, "unix:/run/both.sock") == kDraining);
  CHECK(plan.after.services[0].mode_of(PoolName::Blue, "unix:/run/both.sock") == kEnabled);
}

TEST_CASE("plan: an endpoint that is not there is named with the nearest one",
          "[control][plan][endpoint]") {
  const auto typo = refusal(endpoint("blue/127.0.0.1:9011", kDraining), truth(), kKnown);
  CHECK(typo.code == RefusalCode::UnknownEndpoint);
  CHECK(typo.detail.find("did you mean blue/127.0.0.1:9001?") != std::string::npos);
  const auto strange = refusal(endpoint("", kDraining), truth(), kKnown);
  CHECK(strange.detail.find("there is: blue/127.0.0.1:9001 green/127.0.0.1:9002") !=
        std::string::npos);
  CHECK(refusal(endpoint("green/127.0.0.1:9001", kDraining), truth(), kKnown).code ==
        RefusalCode::UnknownEndpoint);
  CHECK(refusal(endpoint(std::string(269, 'x'), kDraining), truth(), kKnown).code ==
        RefusalCode::UnknownEndpoint);
  CHECK(refusal(endpoint(std::string(270, 'x'), kDraining), truth(), kKnown).code ==
        RefusalCode::BadRequest);
}

TEST_CASE("plan: the last usable endpoint of the live pool stays unless it is forced",
          "[control][plan][endpoint]") {
  for (const auto mode : {kDraining, kDisabled}) {
    const auto refused = refusal(endpoint("127.0.0.1:9001", mode), truth(), kKnown);
    CHECK(refused.code == RefusalCode::LastEndpoint);
    CHECK(refused.detail.find("blue/127.0.0.1:9001") != std::string::npos);
    ChangeRequest forced = endpoint("127.0.0.1:9001", mode);
    forced.check = control::SafetyCheck::Skipped;
    CHECK(plan_of(forced).changed);
  }
  // Of two the first may go, then the second is the last.
  const auto known = two_each();
  ChangePlan plan;
  REQUIRE_FALSE(control::plan_change(truth(), known, endpoint("127.0.0.1:9001", kDisabled), plan));
  CHECK(refusal(endpoint("blue/unix:/run/both.sock", kDraining), plan.after, known).code ==
        RefusalCode::LastEndpoint);
  // Nothing is lost by taking out what is out already.
  ChangeRequest forced = endpoint("blue/unix:/run/both.sock", kDraining);
  forced.check = control::SafetyCheck::Skipped;
  ChangePlan none_left;
  REQUIRE_FALSE(control::plan_change(plan.after, known, forced, none_left));
  CHECK_FALSE(control::plan_change(none_left.after, known,
                                   endpoint("blue/unix:/run/both.sock", kDisabled), plan));
}

TEST_CASE("plan: a decision about an endpoint that left the configuration can be taken back",
          "[control][plan][endpoint]") {
  model::TrafficState state = truth();
  state.services[0].endpoints = {{PoolName::Blue, "10.9.9.9:1", kDisabled, std::nullopt}};
  const ChangePlan plan = plan_of(endpoint("10.9.9.9:1", kEnabled), state);
  CHECK(plan.changed);
  CHECK(plan.after.services[0].endpoints.empty());
}

TEST_CASE("plan: the record of an endpoint names its verb, before and after",
          "[control][plan][endpoint]") {
  const ChangeRequest request = endpoint("127.0.0.1:9002", kDisabled);
  const auto record = control::record_of(truth(), plan_of(request), request, core::WallTime{});
  CHECK(record.action == "endpoint disable");
  REQUIRE(record.after.size() == 1);
  CHECK(record.before[0].endpoints.empty());
  CHECK(record.after[0].mode_of(PoolName::Green, "127.0.0.1:9002") == kDisabled);
}

// ---- what a dry run says ----

TEST_CASE("plan: the moved share is what counting every bucket gives", "[control][plan]") {
  const auto state = [](PoolName live, std::int64_t split) {
    model::ServiceTraffic traffic;
    traffic.live = live;
    traffic.split = core::BasisPoints::make(split, "test").value();
    traffic.salt = "shop";
    return traffic;
  };
  const auto pool_of = [](const model::ServiceTraffic& traffic, std::uint16_t bucket) {
    return bucket < traffic.split.count() ? traffic.candidate() : traffic.live;
  };
  for (const PoolName before_live : {PoolName::Blue, PoolName::Green}) {
    for (const PoolName after_live : {PoolName::Blue, PoolName::Green}) {
      for (const std::int64_t before_split : {0, 1, 1250, 9999, 10'000}) {
        for (const std::int64_t after_split : {0, 1, 1250, 5000, 9999, 10'000}) {
          const auto before = state(before_live, before_split);
          const auto after = state(after_live, after_split);
          int counted = 0;
          for (std::uint16_t bucket = 0; bucket < 10'000; ++bucket) {
            counted += pool_of(before, bucket) != pool_of(after, bucket) ? 1 : 0;
          }
          INFO(before_split << " -> " << after_split);
          REQUIRE(control::moved_share(before, after).count() == counted);
        }
      }
    }
  }
  // Another salt draws independently: a tenth was in, a tenth is, and a hundredth is both.
  model::ServiceTraffic drawn_anew = state(PoolName::Blue, 1000);
  drawn_anew.salt = "other";
  CHECK(control::moved_share(state(PoolName::Blue, 1000), drawn_anew).count() == 1800);
}

TEST_CASE("plan: If-Match names the generation, or the change is refused", "[control][plan]") {
  const auto judged = [](std::vector<std::uint64_t> tags, control::Scope scope) {
    ChangeRequest request = test::switch_to(PoolName::Green);
    request.scope = scope;
    request.if_match = std::move(tags);
    return refusal_of(request);
  };
  // The service is of generation 7, the state of 10.
  CHECK_FALSE(judged({7}, control::Scope::Service));
  CHECK_FALSE(judged({5, 7, 9}, control::Scope::Service));
  CHECK_FALSE(judged({10}, control::Scope::List));
  CHECK(judged({10}, control::Scope::Service) == RefusalCode::PreconditionFailed);
  CHECK(judged({7}, control::Scope::List) == RefusalCode::PreconditionFailed);
  CHECK(judged({}, control::Scope::Service) == RefusalCode::PreconditionFailed);
}

// ---- host names ----

namespace {

/// Pool blue of `shop` is the name app:9001; green is 127.0.0.1:9002.
config::Config config_with_name() {
  config::Config config = test::config_of({"shop", "blog"});
  config.services[0].pools[0].endpoints = {test::endpoint_of("app", 9001)};
  return config;
}

std::vector<control::KnownService> app_is(const std::vector<std::string>& addresses) {
  config::ResolvedNames names;
  names["app"].addresses = test::FakeResolver::addresses_of(addresses);
  return test::known_of(config_with_name(), names);
}

}  // namespace

TEST_CASE("plan: a name is known in any case, and so are its addresses",
          "[control][plan][endpoint][names]") {
  const auto known = app_is({"10.0.0.1", "10.0.0.2"});
  for (const char* text : {"app:9001", "blue/APP:9001"}) {
    ChangeRequest request = endpoint(text, kDraining);
    request.check = control::SafetyCheck::Skipped;
    ChangePlan plan;
    REQUIRE_FALSE(control::plan_change(truth(), known, request, plan));
    CHECK(plan.services[0].endpoint->address == "app:9001");
    CHECK(plan.after.services[0].endpoints.size() == 1);
  }
  ChangePlan plan;
  REQUIRE_FALSE(control::plan_change(truth(), known, endpoint("10.0.0.2:9001", kDisabled), plan));
  CHECK(plan.after.services[0].endpoints[0].address == "10.0.0.2:9001");
  // Only while it is an address of the name.
  CHECK(refusal(endpoint("10.0.0.3:9001", kDraining), truth(), known).code ==
        RefusalCode::UnknownEndpoint);
  CHECK(refusal(endpoint("green/app:9001", kDraining), truth(), known).code ==
        RefusalCode::UnknownEndpoint);
}

TEST_CASE("plan: what is written in upper case is found as it is written",
          "[control][plan][endpoint][names]") {
  auto known = kKnown;
  known[0].endpoints[1].push_back({"[2001:DB8::1]:80"});
  known[0].endpoints[1].push_back({"unix:/run/App"});
  ChangePlan plan;
  CHECK_FALSE(control::plan_change(truth(), known, endpoint("[2001:DB8::1]:80", kDraining), plan));
  CHECK_FALSE(control::plan_change(truth(), known, endpoint("unix:/run/App", kDraining), plan));
  known[0].endpoints[1].push_back({"unix:/run/b"});
  CHECK(refusal(endpoint("unix:/run/B", kDraining), truth(), known).code ==
        RefusalCode::UnknownEndpoint);
}

TEST_CASE("plan: the last usable endpoint is counted by addresses",
          "[control][plan][endpoint][names]") {
  const auto known = app_is({"10.0.0.1", "10.0.0.2"});
  CHECK(refusal(endpoint("app:9001", kDraining), truth(), known).code == RefusalCode::LastEndpoint);
  ChangePlan plan;
  REQUIRE_FALSE(control::plan_change(truth(), known, endpoint("10.0.0.1:9001", kDraining), plan));
  CHECK(refusal(endpoint("10.0.0.2:9001", kDraining), plan.after, known).code ==
        RefusalCode::LastEndpoint);
  CHECK(refusal(endpoint("app:9001", kDraining), plan.after, known).code ==
        RefusalCode::LastEndpoint);
  // A name without an address is no usable endpoint: taking it out takes nothing.
  ChangePlan down;
  CHECK_FALSE(control::plan_change(truth(), test::known_of(config_with_name()),
                                   endpoint("app:9001", kDraining), down));
  CHECK(down.changed);
}

TEST_CASE("plan: an address that its name keeps out is not enabled by itself",
          "[control][plan][endpoint][names]") {
  const auto known = app_is({"10.0.0.1", "10.0.0.2"});
  ChangeRequest all = endpoint("app:9001", kDisabled);
  all.check = control::SafetyCheck::Skipped;
  ChangePlan out;
  REQUIRE_FALSE(control::plan_change(truth(), known, all, out));
  const auto refused = refusal(endpoint("10.0.0.1:9001", kEnabled), out.after, known);
  CHECK(refused.code == RefusalCode::BadRequest);
  CHECK(refused.detail ==
        "10.0.0.1:9001 is an address of app:9001, which is disabled: `sluice endpoint enable "
        "blue/app:9001 shop` brings it back");
  ChangePlan back;
  REQUIRE_FALSE(control::plan_change(out.after, known, endpoint("app:9001", kEnabled), back));
  CHECK(back.after.services[0].endpoints.empty());
}

TEST_CASE("warnings: of a live pool without a usable endpoint, and of a candidate that gets users",
          "[control][plan]") {
  control::KnownService shop;
  shop.name = "shop";
  shop.endpoints[0].push_back({"127.0.0.1:1"});
  shop.endpoints[0].push_back({"127.0.0.1:2"});
  shop.endpoints[1].push_back({"127.0.0.1:3"});
  model::ServiceTraffic traffic;
  traffic.name = "shop";
  CHECK(control::warnings_about(shop, traffic).empty());
  const auto out = [&traffic](core::PoolName pool, const char* address, model::EndpointMode mode) {
    traffic.endpoints.push_back(
        {.pool = pool, .address = address, .mode = mode, .gone_since = std::nullopt});
  };
  out(core::PoolName::Blue, "127.0.0.1:1", model::EndpointMode::Disabled);
  CHECK(control::warnings_about(shop, traffic).empty());
  out(core::PoolName::Blue, "127.0.0.1:2", model::EndpointMode::Draining);
  REQUIRE(control::warnings_about(shop, traffic).size() == 1);
  CHECK(control::warnings_about(shop, traffic)[0].starts_with(
      "the live pool blue has no usable endpoint: every request to it is answered 503"));
  CHECK_FALSE(control::has_usable_endpoint(shop, traffic));

  traffic.live = core::PoolName::Green;
  CHECK(control::has_usable_endpoint(shop, traffic));
  CHECK(control::warnings_about(shop, traffic).empty());
  traffic.split = *core::BasisPoints::make(1, "");
  REQUIRE(control::warnings_about(shop, traffic).size() == 1);
  CHECK(control::warnings_about(shop, traffic)[0] ==
        "blue has no usable endpoint: its share of the users gets green");
  out(core::PoolName::Green, "127.0.0.1:3", model::EndpointMode::Disabled);
  CHECK(control::warnings_about(shop, traffic).size() == 2);
}

TEST_CASE("warnings: of endpoints that their health has taken out", "[control][plan][health]") {
  control::KnownService shop;
  shop.name = "shop";
  shop.endpoints[0].push_back({.text = "127.0.0.1:1", .is_unhealthy = true});
  shop.endpoints[0].push_back({.text = "127.0.0.1:2"});
  shop.endpoints[1].push_back({.text = "127.0.0.1:3", .is_unhealthy = true});
  model::ServiceTraffic traffic;
  traffic.name = "shop";
  traffic.split = *core::BasisPoints::make(1, "");
  REQUIRE(control::warnings_about(shop, traffic).size() == 1);
  CHECK(control::warnings_about(shop, traffic)[0] ==
        "green has no usable endpoint: its share of the users gets blue");
  shop.on_pool_down = model::OnPoolDown::Fail;
  CHECK(control::warnings_about(shop, traffic)[0] ==
        "green has no usable endpoint: its share of the users gets a 503");
  shop.endpoints[0][1].is_unhealthy = true;
  CHECK_FALSE(control::has_usable_endpoint(shop, traffic));
  CHECK(control::warnings_about(shop, traffic)[0] ==
        "the live pool blue has no usable endpoint: every request to it is answered 503 until its "
        "health brings one back");
  // Its health alone would not bring back what an operator has disabled.
  for (const char* address : {"127.0.0.1:1", "127.0.0.1:2"}) {
    traffic.endpoints.push_back({.pool = core::PoolName::Blue,
                                 .address = address,
                                 .mode = model::EndpointMode::Disabled,
                                 .gone_since = std::nullopt});
  }
  CHECK(control::warnings_about(shop, traffic)[0].ends_with(
      "until `sluice endpoint enable` brings one back"));
}

TEST_CASE("warnings: of a live pool of names that have no address", "[control][plan][names]") {
  model::ServiceTraffic traffic;
  traffic.name = "shop";
  const auto down = test::known_of(config_with_name());
  REQUIRE(control::warnings_about(down[0], traffic).size() == 1);
  CHECK(control::warnings_about(down[0], traffic)[0] ==
        "the live pool blue has no usable endpoint: every request to it is answered 503 until one "
        "of its host names is found");
  CHECK(control::warnings_about(app_is({"10.0.0.1"})[0], traffic).empty());
}
