#include "sluice/core/result.hpp"

#include <memory>
#include <string>

#include "support/catch.hpp"

using sluice::core::Error;
using sluice::core::ErrorCode;
using sluice::core::ok;
using sluice::core::Result;
using sluice::core::Status;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::BadInput, "number", "is odd"};
  return number / 2;
}

}  // namespace

TEST_CASE("result: a value is a value, an error an error", "[core][result]") {
  const auto good = half(8);
  REQUIRE(good.has_value());
  CHECK(*good == 4);
  CHECK(good.value_or(0) == 4);
  const auto bad = half(7);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == ErrorCode::BadInput);
  CHECK(bad.error().text() == "number: is odd");
  CHECK(bad.value_or(-1) == -1);
}

TEST_CASE("result: an error without a place is only its words", "[core][result]") {
  CHECK(Error{ErrorCode::Io, "", "disk full"}.text() == "disk full");
}

TEST_CASE("result: moves what can only be moved", "[core][result]") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(result);
  CHECK(*taken == 5);
}

TEST_CASE("result: tells a value from an error also when both are strings", "[core][result]") {
  const Result<std::string> value = std::string("text");
  CHECK(value.has_value());
  CHECK(value->size() == 4);
}

TEST_CASE("status: ok or an error", "[core][result]") {
  CHECK(ok().has_value());
  const Status failed = Error{ErrorCode::Unavailable, "x", "y"};
  CHECK_FALSE(failed.has_value());
}
