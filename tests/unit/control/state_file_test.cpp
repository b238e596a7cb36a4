#include "control/state_file.hpp"

#include "control/digest.hpp"
#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

namespace {

using namespace sluice;
using control::StateImage;

model::ServiceTraffic service(const std::string& name) {
  model::ServiceTraffic traffic;
  traffic.name = name;
  traffic.generation = core::Generation{41};
  traffic.live = core::PoolName::Green;
  traffic.split = core::BasisPoints::make(1250, "").value();
  traffic.salt = "salt of " + name;
  traffic.is_candidate_open = true;
  traffic.can_undo_switch = true;
  return traffic;
}

StateImage example() {
  StateImage image;
  image.state.generation = core::Generation{42};
  image.state.services = {service("shop"), service("bl\xC3\xB6g")};
  image.state.services[1].gone_since = core::WallTime{std::chrono::milliseconds(1'700'000'000'123)};
  image.state.services[1].is_candidate_open = false;
  image.state.services[1].split = {};
  image.state.services[1].endpoints = {
      {core::PoolName::Blue, "10.0.0.1:80", model::EndpointMode::Draining, std::nullopt},
      {core::PoolName::Blue, "10.0.0.2:80", model::EndpointMode::Disabled,
       core::WallTime{std::chrono::milliseconds(1'700'000'000'123)}},
      {core::PoolName::Green, "10.0.0.1:80", model::EndpointMode::Disabled, std::nullopt}};
  image.record = {.generation = core::Generation{42},
                  .time = core::WallTime{std::chrono::milliseconds(1'800'000'000'456)},
                  .actor = {.uid = 1000, .pid = 4711},
                  .action = "split",
                  .reason = "a \"quoted\" reason\nof two lines",
                  .before = {service("shop")},
                  .after = {service("shop")}};
  return image;
}

std::string encoded() {
  return control::encode_state(example()).value();
}

}  // namespace

TEST_CASE("state file: what is written is read back", "[control][state]") {
  const StateImage image = example();
  const auto read = control::decode_state(encoded());
  REQUIRE(read);
  CHECK(read->state == image.state);
  CHECK(read->record.generation == image.record.generation);
  CHECK(read->record.time == image.record.time);
  CHECK(read->record.actor == image.record.actor);
  CHECK(read->record.action == image.record.action);
  CHECK(read->record.reason == image.record.reason);
  CHECK(read->record.before == image.record.before);
  CHECK(read->record.after == image.record.after);
}

TEST_CASE("state file: the text is the same each time", "[control][state]") {
  CHECK(encoded() == encoded());
  CHECK(control::encode_state(control::decode_state(encoded()).value()).value() == encoded());
}

TEST_CASE("state file: every truncation is detected", "[control][state]") {
  const std::string whole = encoded();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO("size " << size);
    const auto read = control::decode_state(whole.substr(0, size));
    REQUIRE_FALSE(read);
    REQUIRE(read.error().code == core::ErrorCode::Corrupt);
  }
}

TEST_CASE("state file: every flipped byte is detected", "[control][state]") {
  const std::string whole = encoded();
  core::Rng rng(7);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    const auto bit = static_cast<char>(1U << rng.below(8));
    damaged[at] = static_cast<char>(damaged[at] ^ bit);
    INFO("byte " << at);
    REQUIRE_FALSE(control::decode_state(damaged));
  }
}

TEST_CASE("state file: bytes behind the end are detected", "[control][state]") {
  CHECK_FALSE(control::decode_state(encoded() + "\n"));
  CHECK_FALSE(control::decode_state(encoded() + encoded()));
}

TEST_CASE("state file: a checksum in capitals is not ours", "[control][state]") {
  std::string text = encoded();
  const std::size_t digits = text.find("sha256:") + 7;
  bool has_changed = false;
  for (std::size_t i = digits; i < digits + 64; ++i) {
    if (text[i] < 'a' || text[i] > 'f') continue;
    text[i] = static_cast<char>(text[i] - 'a' + 'A');
    has_changed = true;
  }
  REQUIRE(has_changed);
  CHECK_FALSE(control::decode_state(text));
}

TEST_CASE("state file: an unknown version is named as that", "[control][state]") {
  std::string text = encoded();
  text.replace(text.find("1,"), 2, "2,");
  const auto read = control::decode_state(text);
  REQUIRE_FALSE(read);
  CHECK(read.error().what.find("format") != std::string::npos);
}

TEST_CASE("state file: a name that is not UTF-8 is refused when it is written",
          "[control][state]") {
  StateImage image = example();
  image.state.services[0].salt = "\xFF\xFE";
  const auto text = control::encode_state(image);
  REQUIRE_FALSE(text);
  CHECK(text.error().code == core::ErrorCode::BadInput);
}

TEST_CASE("state file: the same name twice is refused", "[control][state]") {
  StateImage image = example();
  image.state.services[1] = image.state.services[0];
  CHECK_FALSE(control::encode_state(image));
}

TEST_CASE("state file: a service newer than the state is refused", "[control][state]") {
  StateImage image = example();
  image.state.services[0].generation = core::Generation{43};
  CHECK_FALSE(control::encode_state(image));
}

TEST_CASE("state file: without a decision about an endpoint it says nothing of them",
          "[control][state]") {
  StateImage image = example();
  image.state.services[1].endpoints.clear();
  CHECK(control::encode_state(image)->find("endpoints") == std::string::npos);
}

TEST_CASE("state file: decisions that stand twice, out of order or enabled are refused",
          "[control][state]") {
  const auto refuses = [](std::vector<model::EndpointDecision> decisions) {
    StateImage image = example();
    image.state.services[1].endpoints = std::move(decisions);
    return !control::encode_state(image);
  };
  const std::vector<model::EndpointDecision> good = example().state.services[1].endpoints;
  CHECK_FALSE(refuses(good));
  CHECK(refuses({good[0], good[0]}));
  CHECK(refuses({good[1], good[0]}));
  std::vector<model::EndpointDecision> enabled = good;
  enabled[1].mode = model::EndpointMode::Enabled;
  CHECK(refuses(enabled));
}

TEST_CASE("state file: a split to a closed candidate is refused, and says why",
          "[control][state]") {
  StateImage image = example();
  model::ServiceTraffic& service = image.state.services[0];
  service.split = *core::BasisPoints::make(1, "");
  service.is_candidate_open = true;
  std::string text = control::encode_state(image).value();
  service.is_candidate_open = false;
  const auto refused = control::encode_state(image);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == "service " + service.name +
                                    " has a split of 0.01% and a closed candidate: they "
                                    "contradict each other");
  // The same from a file whose checksum is good.
  const std::string open = "\"candidate_open\": true";
  REQUIRE(text.find(open) != std::string::npos);
  text.replace(text.find(open), open.size(), "\"candidate_open\": false");
  const std::string mark = "sha256:";
  const std::size_t digits = text.find(mark) + mark.size();
  text.replace(digits, 64, 64, '0');
  text.replace(digits, 64, control::sha256_hex(text));
  const auto read = control::decode_state(text);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == core::ErrorCode::Corrupt);
  CHECK(read.error().what == refused.error().what);
  service.split = {};
  CHECK(control::encode_state(image));
}
