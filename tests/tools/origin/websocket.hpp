#pragma once
#include <string>
#include <string_view>

namespace tools {

/// RFC 6455 §4.2.2: what the server answers to Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

/// Takes whole frames off `in` and appends the answers to `out`: data is echoed, ping is answered,
/// close closes. Returns false when the conversation is over.
bool websocket_echo(std::string& in, std::string& out);

}  // namespace tools
