#include "net/descriptor_reserve.hpp"

#include <sys/eventfd.h>

#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/descriptor_guard.hpp"

namespace limits = sluice::core::limits;
using sluice::net::DescriptorClaim;
using sluice::net::DescriptorReserve;
using sluice::net::DescriptorUse;
using sluice::net::make_descriptor;
using sluice::net::OwnedFd;

namespace {

struct ReserveFixture {
  std::shared_ptr<DescriptorReserve> reserve = std::make_shared<DescriptorReserve>();

  OwnedFd make(DescriptorClaim claim) const {
    return OwnedFd(
        make_descriptor(DescriptorUse{reserve, claim}, [] { return ::eventfd(0, EFD_CLOEXEC); }));
  }
  std::size_t given_up_for(DescriptorClaim claim) const {
    std::size_t count = 0;
    while (reserve->give_up(claim)) ++count;
    return count;
  }
};

}  // namespace

TEST_CASE_METHOD(ReserveFixture, "descriptor reserve: each claim leaves what is for those below it",
                 "[net][reserve]") {
  CHECK(reserve->missing() == 0);
  CHECK(given_up_for(DescriptorClaim::None) == 0);
  CHECK(given_up_for(DescriptorClaim::RemoteAdmin) == limits::kReserveForRemote);
  CHECK(given_up_for(DescriptorClaim::LocalAdmin) == limits::kReserveForCallers);
  CHECK(given_up_for(DescriptorClaim::RemoteAdmin) == 0);
  CHECK(given_up_for(DescriptorClaim::Answer) == limits::kReserveForAnswers);
  CHECK(given_up_for(DescriptorClaim::State) == limits::kReserveForState);
  CHECK(given_up_for(DescriptorClaim::State) == 0);
  CHECK(reserve->missing() == limits::kDescriptorReserve);
  CHECK(reserve->make_whole());
  CHECK(reserve->missing() == 0);
}

TEST_CASE_METHOD(ReserveFixture, "descriptor reserve: is not touched while there are others",
                 "[net][reserve]") {
  CHECK(make(DescriptorClaim::State).is_open());
  CHECK(make(DescriptorClaim::None).is_open());
  CHECK(reserve->missing() == 0);
}

TEST_CASE_METHOD(ReserveFixture,
                 "descriptor reserve: gives room when there are no others, and "
                 "takes it back when there is some",
                 "[net][reserve]") {
  const NoMoreDescriptors guard;
  CHECK_FALSE(make(DescriptorClaim::None).is_open());
  CHECK(errno == EMFILE);
  CHECK(reserve->missing() == 0);
  std::vector<OwnedFd> made;
  for (std::size_t i = 0; i < limits::kDescriptorReserve; ++i) {
    made.push_back(make(DescriptorClaim::State));
    CHECK(made.back().is_open());
  }
  CHECK_FALSE(make(DescriptorClaim::State).is_open());
  CHECK(errno == EMFILE);
  CHECK_FALSE(reserve->make_whole());
  made.pop_back();
  CHECK_FALSE(reserve->make_whole());
  CHECK(reserve->missing() == limits::kDescriptorReserve - 1);
  made.clear();
  CHECK(reserve->make_whole());
}

TEST_CASE_METHOD(ReserveFixture,
                 "descriptor reserve: is whole again before anybody without a claim "
                 "gets a descriptor",
                 "[net][reserve]") {
  OwnedFd first(::eventfd(0, EFD_CLOEXEC));
  OwnedFd second(::eventfd(0, EFD_CLOEXEC));
  const NoMoreDescriptors guard;
  const OwnedFd caller = make(DescriptorClaim::LocalAdmin);
  REQUIRE(caller.is_open());
  first.reset();
  CHECK_FALSE(make(DescriptorClaim::None).is_open());
  CHECK(reserve->missing() == 0);
  second.reset();
  CHECK(make(DescriptorClaim::None).is_open());
}

TEST_CASE_METHOD(ReserveFixture,
                 "descriptor reserve: what one claim gives back is not for those above it",
                 "[net][reserve]") {
  const NoMoreDescriptors guard;
  std::vector<OwnedFd> remote;
  for (std::size_t i = 0; i < limits::kReserveForRemote; ++i) {
    remote.push_back(make(DescriptorClaim::RemoteAdmin));
    CHECK(remote.back().is_open());
  }
  CHECK(make(DescriptorClaim::State).is_open());
  CHECK_FALSE(make(DescriptorClaim::RemoteAdmin).is_open());
  CHECK(reserve->missing() == limits::kReserveForRemote);
  remote.pop_back();
  CHECK(make(DescriptorClaim::RemoteAdmin).is_open());
}

TEST_CASE_METHOD(ReserveFixture,
                 "descriptor reserve: a call that fails for another reason in the "
                 "end gives its room back",
                 "[net][reserve]") {
  const NoMoreDescriptors guard;
  const int result = make_descriptor({reserve, DescriptorClaim::LocalAdmin}, [] {
    const OwnedFd found(::eventfd(0, EFD_CLOEXEC));
    if (found.is_open()) errno = EAGAIN;
    return -1;
  });
  CHECK(result == -1);
  CHECK(errno == EAGAIN);
  CHECK(reserve->missing() == 0);
}

TEST_CASE_METHOD(ReserveFixture, "descriptor reserve: another failure gives nothing up",
                 "[net][reserve]") {
  unsigned calls = 0;
  const auto fail = [&calls] {
    ++calls;
    errno = EAGAIN;
    return -1;
  };
  CHECK(make_descriptor({reserve, DescriptorClaim::State}, fail) == -1);
  CHECK(make_descriptor({nullptr, DescriptorClaim::State}, fail) == -1);
  CHECK(calls == 2);
  CHECK(reserve->missing() == 0);
}

TEST_CASE_METHOD(ReserveFixture, "descriptor reserve: threads that give up and take back lose none",
                 "[net][reserve]") {
  const auto work = [this] {
    for (int i = 0; i < 500; ++i) {
      reserve->give_up(DescriptorClaim::State);
      reserve->make_whole();
    }
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(reserve->make_whole());
  CHECK(given_up_for(DescriptorClaim::State) == limits::kDescriptorReserve);
}
