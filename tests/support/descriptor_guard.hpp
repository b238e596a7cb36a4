#pragma once
#include <sys/resource.h>
#include <unistd.h>

#include "support/catch.hpp"

/// While it lives, this process can't open another descriptor.
struct NoMoreDescriptors {
  NoMoreDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int lowest_free = ::dup(STDERR_FILENO);
    REQUIRE(lowest_free >= 0);
    ::close(lowest_free);
    rlimit limit = before;
    limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};
