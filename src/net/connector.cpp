#include "net/connector.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::net {

std::string_view text(ConnectError error) {
  switch (error) {
    case ConnectError::Refused:
      return "connection refused";
    case ConnectError::TimedOut:
      return "connect timed out";
    case ConnectError::Unreachable:
      return "address unreachable";
    case ConnectError::LocalResources:
      return "out of local ports, descriptors or memory";
  }
  core::unreachable();
}

}  // namespace sluice::net
