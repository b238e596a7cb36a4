#include "control/health_probe.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/duration.hpp"
#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/h1_parser.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

constexpr std::string_view kReportField = "Sluice-Health";

http::Method method_of(const policy::HealthCheck& check) {
  if (check.method == "HEAD") return http::Method::Head;
  return check.method == "OPTIONS" ? http::Method::Options : http::Method::Get;
}

}  // namespace

HealthProbe::HealthProbe(net::Loop& loop, net::Connector& connector, ProbeEvents& events)
    : loop_(loop), connector_(connector), events_(events) {}

HealthProbe::~HealthProbe() {
  cancel();
}

void HealthProbe::start(const policy::HealthCheck& check, const model::Endpoint& endpoint,
                        core::PoolName pool) {
  ENSURE(!is_running(), "one check of an endpoint at a time");
  state_ = State::Connecting;
  check_ = &check;
  endpoint_ = &endpoint;
  pool_ = pool;
  head_end_.reset();
  chunks_.reset();
  informational_ = 0;
  loop_.timers().arm(timer_, loop_.now() + check.timeout);
  connecting_ = connector_.connect(endpoint.address, check.timeout, *this);
}

void HealthProbe::cancel() {
  state_ = State::Idle;
  loop_.timers().disarm(timer_);
  if (connecting_ != nullptr) std::exchange(connecting_, nullptr)->cancel();
  if (transport_ != nullptr) std::exchange(transport_, nullptr)->close();
  // Given back: an endpoint is idle between two checks for seconds, and there may be many.
  received_ = std::string();
  body_ = std::string();
  report_ = std::string();
}

void HealthProbe::on_connected(net::Transport& transport) {
  connecting_ = nullptr;
  transport_ = &transport;
  transport.set_events(*this);
  if (check_->type == policy::HealthCheck::Type::Tcp) return end({});
  state_ = State::Head;
  send_request();
  transport.read(net::ReadMode::On);
}

void HealthProbe::send_request() {
  std::string request = check_->method + " " + check_->path + " HTTP/1.1\r\nHost: ";
  if (!check_->host.empty()) {
    request += check_->host;
  } else {
    request += endpoint_->address.is_unix() ? "localhost" : endpoint_->text;
  }
  request += "\r\nUser-Agent: sluice-health-check\r\nAccept: */*\r\nSluice-Pool: ";
  request += core::text(pool_);
  request += "\r\nConnection: close\r\n\r\n";
  transport_->write(request);
}

void HealthProbe::on_connect_failed(net::ConnectError error) {
  connecting_ = nullptr;
  // Ours, not the endpoint's fault (behaviour.md §4).
  if (error == net::ConnectError::LocalResources) return end({.finding = policy::Finding::Skipped});
  fail("no connection: " + std::string(net::text(error)));
}

void HealthProbe::on_read(std::string_view bytes) {
  if (state_ == State::Body) return read_body(bytes);
  received_.append(bytes);
  read_heads();
}

void HealthProbe::read_heads() {
  while (state_ == State::Head) {
    const auto size = head_end_.find(received_);
    if (size ? *size > limits::kResponseHeadMax : received_.size() > limits::kResponseHeadMax)
      return fail("the head of its answer is too large");
    if (!size) return;
    http::ResponseHead head;
    const auto refusal = http::parse_response_head(std::string_view(received_).substr(0, *size),
                                                   method_of(*check_), head);
    if (refusal) return fail("its answer is not valid HTTP: " + std::string(refusal->reason));
    if (head.status >= 200) {
      take_head(head);
      const std::string rest = received_.substr(*size);
      received_.clear();
      return read_body(rest);
    }
    if (head.status == 101) return fail("it switched to a protocol that was not asked for");
    if (++informational_ > limits::kInformationalMax)
      return fail("it sent too many informational answers");
    received_.erase(0, *size);
    head_end_.reset();
  }
}

void HealthProbe::take_head(const http::ResponseHead& head) {
  state_ = State::Body;
  status_ = head.status;
  framing_ = head.framing;
  body_left_ = head.framing.length;
  report_lines_ = 0;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const http::Field field = head.fields[i];
    if (!http::iequals(field.name, kReportField)) continue;
    if (report_lines_++ == 0) report_ = field.value;
  }
}

/// Reads on only as long as a text is looked for.
void HealthProbe::read_body(std::string_view bytes) {
  if (check_->body.empty()) return end_answer();
  switch (framing_.kind) {
    case http::BodyKind::None:
      return end_answer();
    case http::BodyKind::Length: {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
      body_left_ -= size;
      add_to_body(bytes.substr(0, size));
      if (state_ == State::Body && body_left_ == 0) end_answer();
      return;
    }
    case http::BodyKind::Chunked:
      return read_chunks(bytes);
    case http::BodyKind::UntilClose:
      return add_to_body(bytes);
  }
  core::unreachable();
}

void HealthProbe::read_chunks(std::string_view bytes) {
  while (state_ == State::Body) {
    const http::ChunkDecoder::Step step = chunks_.next(bytes);
    bytes.remove_prefix(step.consumed);
    switch (step.event) {
      case http::ChunkDecoder::Event::NeedMore:
        return;
      case http::ChunkDecoder::Event::Data:
        add_to_body(step.data);
        break;
      case http::ChunkDecoder::Event::End:
        return end_answer();
      case http::ChunkDecoder::Event::Bad:
        return fail("its answer is not valid HTTP: " + std::string(step.reason));
    }
  }
}

void HealthProbe::add_to_body(std::string_view bytes) {
  body_.append(bytes.substr(0, limits::kHealthBodyMax - body_.size()));
  if (body_.size() == limits::kHealthBodyMax) end_answer();
}

void HealthProbe::on_eof() {
  if (state_ == State::Body && framing_.kind == http::BodyKind::UntilClose) return end_answer();
  fail(state_ == State::Body ? "it closed the connection before its answer was complete"
                             : "it closed the connection without an answer");
}

void HealthProbe::on_error(net::TransportError error) {
  fail("the connection broke: " + std::string(net::text(error)));
}

void HealthProbe::on_timeout() {
  const std::string within = " within " + core::format_duration(check_->timeout);
  fail((state_ == State::Connecting ? "no connection" : "no answer") + within);
}

void HealthProbe::end_answer() {
  end(policy::judge(*check_, {.status = status_,
                              .report_lines = report_lines_,
                              .report = report_,
                              .has_body_text = body_.find(check_->body) != body_.npos}));
}

void HealthProbe::fail(std::string why) {
  end({.finding = policy::Finding::Fail,
       .why = std::move(why),
       .report = std::nullopt,
       .is_report_unreadable = false});
}

void HealthProbe::end(policy::CheckResult result) {
  cancel();
  events_.on_probe_ended(std::move(result));
}

}  // namespace sluice::control
