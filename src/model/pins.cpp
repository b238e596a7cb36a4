#include "sluice/model/pins.hpp"

#include <algorithm>
#include <array>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/cookies.hpp"
#include "sluice/http/target.hpp"
#include "sluice/model/service_table.hpp"

namespace sluice::model {

namespace {

using policy::PinHit;
using policy::Reason;

std::optional<std::string_view> value_of(const ValuePin& pin, const http::RequestHead& head) {
  switch (pin.field) {
    case ValuePin::Field::Header:
      return head.fields.find(pin.name);
    case ValuePin::Field::Cookie:
      return http::find_cookie(head.fields, pin.name);
  }
  core::unreachable();
}

/// One kind of pin each; false or nullopt: it does not match.
class Matcher {
 public:
  Matcher(const IdentityLists& lists, const PinnedRequest& request)
      : lists_(lists), request_(request) {}

  std::optional<PinHit> operator()(const ValuePin& pin) {
    const auto value = value_of(pin, request_.head);
    if (!value || !pin.from.contains(request_.client)) return std::nullopt;
    const auto found = std::ranges::find_if(
        pin.values, [&](const auto& wanted) { return wanted.first == *value; });
    if (found == pin.values.end()) return std::nullopt;
    const bool is_header = pin.field == ValuePin::Field::Header;
    return PinHit{found->second, is_header ? Reason::PinHeader : Reason::PinCookie};
  }

  std::optional<PinHit> operator()(const ListPin& pin) {
    if (!request_.identity || !lists_[pin.list]->contains(*request_.identity)) return std::nullopt;
    return PinHit{pin.target, Reason::PinList};
  }

  std::optional<PinHit> operator()(const SegmentPin& pin) {
    const bool is_in = (!pin.network || pin.network->contains(request_.client)) &&
                       (!pin.header || has(*pin.header)) && (!pin.share || is_below(*pin.share)) &&
                       (!pin.path_prefix || covers_path(*pin.path_prefix, path()));
    return is_in ? std::optional(PinHit{pin.target, Reason::PinSegment}) : std::nullopt;
  }

 private:
  bool has(const SegmentPin::HeaderIs& wanted) const {
    return request_.head.fields.find(wanted.name) == std::string_view(wanted.value);
  }
  bool is_below(const SegmentPin::Share& share) const {
    return request_.identity &&
           policy::bucket_of(share.salt, *request_.identity) < share.percent.count();
  }

  /// Made once, however many segments look at it: a long path full of escapes takes microseconds.
  std::string_view path() {
    if (path_.empty()) {
      const http::RequestHead& head = request_.head;
      path_ = "/";
      if (head.form != http::TargetForm::Asterisk) {
        const auto refusal = http::normalize_path(head.path, scratch_, path_);
        ENSURE(!refusal, "the path of a request that has a service has a normal form");
      }
    }
    return path_;
  }

  const IdentityLists& lists_;
  const PinnedRequest& request_;
  std::string_view path_;  // empty: not asked for yet
  std::array<char, core::limits::kRequestHeadMax> scratch_;
};

}  // namespace

bool ClientSet::contains(const std::optional<core::IpAddress>& client) const {
  if (!client) return has_unix;
  return std::ranges::any_of(
      networks, [&](const core::Network& network) { return network.contains(*client); });
}

std::optional<PinHit> find_pin_among(std::span<const Pin> pins, const IdentityLists& lists,
                                     const PinnedRequest& request) {
  Matcher matcher(lists, request);
  for (const Pin& pin : pins) {
    if (const auto hit = std::visit(matcher, pin)) return hit;
  }
  return std::nullopt;
}

}  // namespace sluice::model
