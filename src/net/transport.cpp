#include "net/transport.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::net {

std::string_view text(TransportError error) {
  switch (error) {
    case TransportError::Reset:
      return "connection reset";
    case TransportError::TimedOut:
      return "connection timed out";
    case TransportError::Other:
      return "connection failed";
  }
  core::unreachable();
}

}  // namespace sluice::net
