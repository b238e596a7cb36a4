#include "support/fake_transport.hpp"

#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::test {

std::string_view FakeTransport::read_more(std::size_t limit) {
  const std::string_view more = beyond_.substr(0, limit);
  beyond_.remove_prefix(more.size());
  return more;
}

void FakeTransport::write(std::span<const std::string_view> parts) {
  if (is_closed || is_finished) return;
  for (const std::string_view part : parts) (takes_bytes ? sent : waiting) += part;
}

std::string_view FakeTransport::give(std::string_view bytes) {
  while (!bytes.empty() && mode_ == net::ReadMode::On && !is_closed) {
    const std::string_view piece = bytes.substr(0, limit_);
    beyond_ = bytes.substr(piece.size());
    events_->on_read(piece);
    bytes = std::exchange(beyond_, {});
  }
  return bytes;
}

void FakeTransport::end() {
  ENSURE(mode_ != net::ReadMode::Off, "nobody would notice");
  if (!is_closed) events_->on_eof();
}

void FakeTransport::fail() {
  if (!is_closed) events_->on_error(net::TransportError::Reset);
}

void FakeTransport::drain() {
  takes_bytes = true;
  sent += waiting;
  waiting.clear();
  if (!is_closed) events_->on_drained();
}

}  // namespace sluice::test
