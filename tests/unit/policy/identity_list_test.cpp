#include "sluice/policy/identity_list.hpp"

#include <ctime>
#include <string>
#include <vector>

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;
using policy::IdentityList;

namespace {

constexpr core::HashKey kKey{.low = 1, .high = 2};

IdentityList list_of(std::string_view text) {
  return IdentityList::parse(text, kKey).value();
}

/// `line: what` of the error.
std::string problem_of(std::string_view text) {
  const auto list = IdentityList::parse(text, kKey);
  REQUIRE_FALSE(list);
  return list.error().text();
}

std::string uuid(std::size_t number) {
  std::string digits = std::to_string(number);
  return "123e4567-e89b-12d3-a456-" + std::string(12 - digits.size(), '0') + digits;
}

double seconds_since(std::clock_t began) {
  return static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("identity list: an empty file lists nobody", "[policy][identity_list]") {
  for (const char* text : {"", "\n", "\r\n\n", "# nobody\n", "  \t\n#\n", "\xEF\xBB\xBF"}) {
    INFO(text);
    CHECK(list_of(text).size() == 0);
    CHECK_FALSE(list_of(text).contains("user-1"));
    CHECK_FALSE(list_of(text).contains(""));
  }
  CHECK_FALSE(IdentityList().contains("user-1"));
}

TEST_CASE("identity list: octets are compared exactly", "[policy][identity_list]") {
  const IdentityList list = list_of("user-1\nAnn B\n\xC3\xA4\n\xFF\xFE\n\"quoted\"\na#b\n");
  CHECK(list.size() == 6);
  for (const char* listed : {"user-1", "Ann B", "\xC3\xA4", "\xFF\xFE", "\"quoted\"", "a#b"}) {
    INFO(listed);
    CHECK(list.contains(listed));
  }
  for (const char* other : {"", "user-", "user-10", "User-1", "user-1 ", "user-1\n", "Ann", "\xC3",
                            "a\xCC\x88", "quoted", "a", "#b"}) {
    INFO(other);
    CHECK_FALSE(list.contains(other));
  }
}

TEST_CASE("identity list: line ends, outer blanks, comments and repetitions do not count",
          "[policy][identity_list]") {
  const IdentityList list = list_of(
      "\xEF\xBB\xBF# beta users\r\n"
      "user-1\r\n"
      "\r\n"
      " \tuser-2\t \n"
      "  # a comment\n"
      "user-1\n"
      "user-3\r\n"
      "user-1");
  CHECK(list.size() == 3);
  for (const char* listed : {"user-1", "user-2", "user-3"}) CHECK(list.contains(listed));
  CHECK_FALSE(list.contains("user-1\r"));
  CHECK_FALSE(list.contains("# a comment"));
}

TEST_CASE("identity list: repetitions take no room", "[policy][identity_list]") {
  CHECK(list_of("user-1\nuser-1\nuser-1\n").bytes() == list_of("user-1\n").bytes());
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "user-" + std::to_string(i % 1000) + "\n";
  const IdentityList list = list_of(text);
  CHECK(list.size() == 1000);
  bool finds_all = true;
  for (int i = 0; i < 1000; ++i)
    finds_all = finds_all && list.contains("user-" + std::to_string(i));
  CHECK(finds_all);
  CHECK_FALSE(list.contains("user-1000"));
}

TEST_CASE("identity list: an identity has at most 1024 octets", "[policy][identity_list]") {
  for (const std::size_t size : {1U, 126U, 127U, 128U, 129U, 255U, 256U, 1023U, 1024U}) {
    INFO(size);
    const std::string identity(size, 'x');
    const IdentityList list = list_of("a\n" + identity + "\nb\n");
    CHECK(list.contains(identity));
    CHECK(list.contains("a"));
    CHECK(list.contains("b"));
    CHECK_FALSE(list.contains(identity + "x"));
    CHECK_FALSE(list.contains(std::string(size, 'y')));
  }
  CHECK(problem_of("a\n" + std::string(1025, 'x') + "\n") ==
        "2: an identity has at most 1024 octets");
  CHECK_FALSE(list_of("a\n").contains(std::string(100'000, 'a')));
}

TEST_CASE("identity list: what no request can bring is an error in its line",
          "[policy][identity_list]") {
  CHECK(problem_of(std::string("a\n\nb\0c\n", 7)) == "3: a control character");
  CHECK(problem_of("a\tb\n\x7F\n") == "2: a control character");
  CHECK(problem_of("a\rb\n") == "1: a control character");
  CHECK(problem_of("# UTF-16\r\n" + std::string("a\0b\0\n\0", 6)) ==
        "2: a control character (and 1 more bad lines)");
  CHECK(problem_of("user-1 # Ann\n") == "1: a comment stands on a line of its own");
  CHECK(problem_of("user-1\t#Ann\nuser-2 #\nuser-3\n") ==
        "1: a comment stands on a line of its own (and 1 more bad lines)");
}

TEST_CASE("identity list: the key changes places, not answers", "[policy][identity_list]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "user-" + std::to_string(i) + "\n";
  for (const std::uint64_t low : {0U, 7U, 0xFFFFFFFFU}) {
    const IdentityList list = IdentityList::parse(text, {.low = low, .high = 9}).value();
    CHECK(list.size() == 1000);
    bool finds_all = true;
    bool finds_others = false;
    for (int i = 0; i < 1000; ++i) {
      finds_all = finds_all && list.contains("user-" + std::to_string(i));
      finds_others = finds_others || list.contains("user-" + std::to_string(1000 + i));
    }
    CHECK(finds_all);
    CHECK_FALSE(finds_others);
  }
}

TEST_CASE("identity list: a million UUIDs load in a second and cost less than 40 bytes each",
          "[policy][identity_list]") {
  constexpr std::size_t kCount = 1'000'000;
  std::string text;
  text.reserve(kCount * 37);
  for (std::size_t i = 0; i < kCount; ++i) text += uuid(i) + "\n";
  // Processor time: what else the machine does is not measured.
  const std::clock_t began = std::clock();
  const IdentityList list = list_of(text);
  const double took = seconds_since(began);
  CHECK(list.size() == kCount);
  const double each = static_cast<double>(list.bytes()) / kCount;
  std::vector<std::string> some;
  for (std::size_t i = 0; i < kCount; i += 997) some.push_back(uuid(i));
  const std::clock_t asked = std::clock();
  std::size_t found = 0;
  for (int round = 0; round < 10; ++round) {
    for (const std::string& identity : some) found += list.contains(identity) ? 1 : 0;
  }
  const double looked = seconds_since(asked);
  CHECK(found == 10 * some.size());
  CHECK_FALSE(list.contains(uuid(kCount)));
  WARN("1,000,000 UUIDs of 36 octets: " << each << " bytes each, read in " << took
                                        << " s, a look-up "
                                        << looked / static_cast<double>(found) * 1e9 << " ns");
  CHECK(each < 40);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(took < 1);
#endif
}
