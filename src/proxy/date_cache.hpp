#pragma once
#include <array>
#include <string_view>

#include "net/loop.hpp"
#include "sluice/core/duration.hpp"

namespace sluice::proxy {

/// The value of Date, composed once a second. One per worker.
class DateCache {
 public:
  explicit DateCache(const net::Loop& loop) : loop_(loop) {}

  std::string_view value() {
    if (loop_.now() >= fresh_until_) refresh();
    return {text_.data(), text_.size()};
  }

 private:
  void refresh() {
    const core::WallTime wall = loop_.wall();
    const auto into_second = wall.time_since_epoch() % std::chrono::seconds(1);
    fresh_until_ = loop_.now() + (std::chrono::seconds(1) - into_second);
    core::write_http_date(wall, text_);
  }

  const net::Loop& loop_;
  core::Instant fresh_until_{};
  std::array<char, 29> text_;
};

}  // namespace sluice::proxy
