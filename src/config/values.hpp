#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/reader.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/units.hpp"
#include "sluice/model/pins.hpp"
#include "sluice/policy/rate_limit.hpp"

/// Scalars of the configuration with their types. Each reader either sets its target or reports the
/// value and leaves the target as it was; ranges and words are those of the value's key.
namespace sluice::config {

/// Digits only, no sign, no leading zero; nullopt: something else, or more than 18 digits.
std::optional<std::uint64_t> parse_whole_number(std::string_view text);

bool read_number(Reader& in, Value value, std::uint32_t& target);
/// As read_number(), where a word of the key (auto, off) means nullopt.
bool read_number_or_word(Reader& in, Value value, std::optional<std::uint32_t>& target);
/// A word of the key (off) means 0.
bool read_duration(Reader& in, Value value, core::Millis& target);
bool read_size(Reader& in, Value value, std::uint64_t& target);
/// In bytes a second. A word of the key (off) means 0.
bool read_data_rate(Reader& in, Value value, std::uint32_t& target);
/// Of a key whose words are on and off.
bool read_on_off(Reader& in, Value value, bool& target);
bool read_percent(Reader& in, Value value, core::BasisPoints& target);
bool read_pool_name(Reader& in, Value value, core::PoolName& target);
/// Not empty, no control characters.
bool read_text(Reader& in, Value value, std::string& target);

enum class PortRange { AnyPort, RealPort };  // AnyPort: also 0, which lets the system choose
/// IP and port. Host names are refused by name.
bool read_address(Reader& in, Value value, PortRange ports, core::SocketAddress& target);
/// The same, or `unix:` and a path.
bool read_address_or_path(Reader& in, Value value, PortRange ports, core::SocketAddress& target);

/// The same, or a host name and a port: then `host` is the name and the port is that of `target`.
bool read_endpoint_address(Reader& in, Value value, core::SocketAddress& target, std::string& host);

/// A list of networks and `unix:`; what is wrong in it is reported and left out.
model::ClientSet read_networks(Reader& in, Value list);
bool read_pin_target(Reader& in, Value value, policy::PinTarget& target);

/// `100/s`, `5/min`: a number and one of s, min, h, d; nullopt: something else, or out of bounds.
std::optional<policy::Rate> parse_rate(std::string_view text);
bool read_rate(Reader& in, Value value, policy::Rate& target);
bool read_mode(Reader& in, Value value, unsigned& target);

}  // namespace sluice::config
