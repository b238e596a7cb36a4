#include "http/host.hpp"

#include <cstddef>

#include "http/char_class.hpp"
#include "sluice/core/address.hpp"

namespace sluice::http {
namespace {

bool is_port(std::string_view digits) {
  if (digits.empty() || digits.size() > 5) return false;
  unsigned port = 0;
  for (const char c : digits) {
    if (!is_in(kDigit, c)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port >= 1 && port <= 65'535;
}

bool is_port_or_nothing(std::string_view behind_host) {
  return behind_host.empty() || (behind_host.front() == ':' && is_port(behind_host.substr(1)));
}

std::optional<std::string_view> literal_of(std::string_view authority) {
  const std::size_t close = authority.find(']');
  if (close == std::string_view::npos || !is_port_or_nothing(authority.substr(close + 1)))
    return {};
  const std::string_view address = authority.substr(1, close - 1);
  if (address.find(':') == std::string_view::npos || !core::IpAddress::parse(address)) return {};
  return authority.substr(0, close + 1);
}

}  // namespace

std::optional<std::string_view> host_of(std::string_view authority) {
  if (authority.starts_with('[')) return literal_of(authority);
  const char* const end = authority.data() + authority.size();
  const char* const stop = skip(kHost, authority.data(), end);
  std::string_view name = authority.substr(0, static_cast<std::size_t>(stop - authority.data()));
  if (!is_port_or_nothing(authority.substr(name.size()))) return {};
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return {};
  return name;
}

}  // namespace sluice::http
