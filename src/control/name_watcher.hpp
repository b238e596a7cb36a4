#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/resolution.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "sluice/config/build.hpp"
#include "sluice/metrics/exposition.hpp"

namespace sluice::control {

/// Keeps the endpoint names of a configuration looked up: asks when Resolution says so, and puts
/// what has changed into StaticParts. Control thread only.
class NameWatcher {
 public:
  /// All borrowed, and outliving this.
  struct Deps {
    const config::Config& config;
    config::CellRegistry& cells;
    config::StaticParts& parts;  // built from these
    net::Resolver& resolver;
    net::Loop& loop;
    std::function<std::vector<core::IpAddress>()> machine;  // its addresses now
    std::function<void(const std::string&)> notice;         // one line for the log
  };
  /// `on_changed` runs when `parts` have been brought up to date, at the end of a turn or in
  /// apply().
  NameWatcher(Deps deps, std::function<void()> on_changed);
  NameWatcher(const NameWatcher&) = delete;
  NameWatcher& operator=(const NameWatcher&) = delete;

  /// Begins the first look-ups.
  void start();
  /// Some first look-up has not ended.
  bool has_unanswered() const { return resolution_.has_unanswered(); }
  /// What has come is put into the parts now instead of at the end of the turn: for the start,
  /// before there are turns.
  void apply();

  const config::ResolvedNames& names() const { return resolution_.in_force(); }
  void write_metrics(metrics::Exposition& out) const;

 private:
  void ask();
  void on_answer(const std::string& host, const net::Resolver::Answer& answer);
  void tell_outcome(const std::string& host) const;
  void tell_left_out(const std::vector<config::LeftOut>& before) const;
  void tell_circles(const std::vector<config::PoolCircle>& before) const;

  Deps deps_;
  std::function<void()> on_changed_;
  Resolution resolution_;
  bool is_changed_ = false;  // and not in the parts yet
  std::shared_ptr<const bool> is_there_ = std::make_shared<const bool>(true);
  net::MemberTimer<NameWatcher, &NameWatcher::ask> due_{*this};
  net::MemberDeferred<NameWatcher, &NameWatcher::apply> apply_{*this};
};

}  // namespace sluice::control
