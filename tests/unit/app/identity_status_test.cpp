#include "app/identity_status.hpp"

#include "support/catch.hpp"

namespace sluice::app {
namespace {

using core::WallTime;

WallTime at(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

std::shared_ptr<const policy::IdentityList> list_of(std::string_view text) {
  return std::make_shared<const policy::IdentityList>(
      policy::IdentityList::parse(text, {}).value());
}

IdentityWatcher::News failure(std::size_t file, std::string what) {
  return {file, core::Error{core::ErrorCode::Io, "b.txt", std::move(what)}};
}

IdentityStatus two_files() {
  std::vector<config::IdentityFile> files(2);
  files[0] = {.path = "a.txt", .text = "", .at = {}, .read = {}, .list = list_of("1\n2\n")};
  files[1] = {.path = "b.txt", .text = "", .at = {}, .read = {}, .list = list_of("1\n")};
  return IdentityStatus(files, at(100));
}

std::string samples_of(const IdentityStatus& status) {
  metrics::Exposition out;
  status.write(out);
  std::string samples;
  for (std::size_t begin = 0; begin < out.text().size();) {
    const std::size_t end = out.text().find('\n', begin) + 1;
    if (out.text()[begin] != '#') samples += out.text().substr(begin, end - begin);
    begin = end;
  }
  return samples;
}

TEST_CASE("identity status: what is in force, since when, and whether there is a newer one",
          "[app][identity_file]") {
  IdentityStatus status = two_files();
  CHECK(samples_of(status) ==
        "sluice_identity_list_identities{file=\"a.txt\"} 2\n"
        "sluice_identity_list_identities{file=\"b.txt\"} 1\n"
        "sluice_identity_list_read_timestamp_seconds{file=\"a.txt\"} 100\n"
        "sluice_identity_list_read_timestamp_seconds{file=\"b.txt\"} 100\n"
        "sluice_identity_list_refused{file=\"a.txt\"} 0\n"
        "sluice_identity_list_refused{file=\"b.txt\"} 0\n");
  status.note(failure(1, "gone"), at(200));
  status.note({0, list_of("1\n2\n3\n")}, at(300));
  CHECK(samples_of(status) ==
        "sluice_identity_list_identities{file=\"a.txt\"} 3\n"
        "sluice_identity_list_identities{file=\"b.txt\"} 1\n"
        "sluice_identity_list_read_timestamp_seconds{file=\"a.txt\"} 300\n"
        "sluice_identity_list_read_timestamp_seconds{file=\"b.txt\"} 100\n"
        "sluice_identity_list_refused{file=\"a.txt\"} 0\n"
        "sluice_identity_list_refused{file=\"b.txt\"} 1\n");
  CHECK(samples_of(IdentityStatus({}, at(1))).empty());
}

TEST_CASE("identity status: a failure is told once, and again behind a success or another one",
          "[app][identity_file]") {
  IdentityStatus status = two_files();
  const std::string gone = "b.txt: gone; the list read before stays in force";
  CHECK(status.note(failure(1, "gone"), at(1)) == gone);
  CHECK_FALSE(status.note(failure(1, "gone"), at(2)));
  CHECK(status.note(failure(1, "bad"), at(3)) == "b.txt: bad; the list read before stays in force");
  CHECK(status.note(failure(1, "gone"), at(4)) == gone);
  CHECK(status.note({1, list_of("1\n2\n")}, at(5)) == "b.txt: 2 identities read");
  CHECK(status.note(failure(1, "gone"), at(6)) == gone);
}

}  // namespace
}  // namespace sluice::app
