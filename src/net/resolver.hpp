#pragma once
#include <functional>
#include <string>
#include <vector>

#include "sluice/core/address.hpp"
#include "sluice/core/result.hpp"

namespace sluice::net {

/// Asks for the addresses of host names. Loop thread only.
class Resolver {
 public:
  /// At least one address, in the order of the answer, perhaps some twice. The error says why there
  /// is none, in words of the system.
  using Answer = core::Result<std::vector<core::IpAddress>>;
  using Done = std::function<void(Answer)>;

  /// `done` comes once, on the loop, never from inside lookup(); not after the resolver has ended.
  virtual void lookup(const std::string& host, Done done) = 0;

 protected:
  ~Resolver() = default;
};

}  // namespace sluice::net
