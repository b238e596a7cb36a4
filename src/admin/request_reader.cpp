#include "admin/request_reader.hpp"

#include <utility>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/h1_parser.hpp"

namespace sluice::admin {

namespace limits = core::limits;

namespace {

/// A list field may come in several lines (RFC 9110 §5.3).
std::optional<std::string> joined_lines(const http::HeaderBlock& fields, std::string_view name) {
  std::optional<std::string> joined;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!http::iequals(fields[i].name, name)) continue;
    joined = joined ? *joined + "," : std::string();
    *joined += fields[i].value;
  }
  return joined;
}

}  // namespace

void RequestReader::feed(std::string_view bytes) {
  if (state_ == State::Bad) return;
  buffer_ += bytes;
  advance();
}

bool RequestReader::wants_continue() {
  return std::exchange(wants_continue_, false);
}

Request RequestReader::take() {
  ENSURE(state_ == State::Complete, "only a whole request can be taken");
  Request request = std::exchange(request_, {});
  state_ = State::Idle;
  is_head_read_ = false;
  head_end_.reset();
  chunks_ = http::ChunkDecoder();
  advance();
  return request;
}

void RequestReader::advance() {
  if (state_ == State::Complete || buffer_.empty()) return;
  state_ = State::Partial;
  if (!is_head_read_) read_head();
  if (is_head_read_ && state_ == State::Partial) read_body();
}

void RequestReader::read_head() {
  const auto size = head_end_.find(buffer_);
  if (!size || *size > limits::kRequestHeadMax) {
    if (buffer_.size() < limits::kRequestHeadMax) return;
    const std::string_view within = std::string_view(buffer_).substr(0, limits::kRequestHeadMax);
    const http::Refusal refusal = http::oversized_request_head(within);
    return fail({refusal.status, "bad_request", std::string(refusal.reason)});
  }
  http::RequestHead head;
  const std::string_view bytes = std::string_view(buffer_).substr(0, *size);
  if (const auto refusal = http::parse_request_head(bytes, http::HeadLimits{}, head)) {
    return fail({refusal->status, "bad_request", std::string(refusal->reason)});
  }
  request_.method = head.method;
  request_.host = head.host;
  request_.path = head.path;
  request_.query = head.query;
  request_.if_match = joined_lines(head.fields, "If-Match");
  request_.last_event_id = head.fields.find("Last-Event-ID").value_or("");
  // HTTP/1.0 callers get one answer per connection: nothing that speaks it gains from more.
  request_.keep_alive = head.keep_alive && head.version == http::Version::Http11;
  framing_ = head.framing;
  wants_continue_ = head.expect == http::Expectation::Continue;
  buffer_.erase(0, *size);  // the views of `head` end here
  is_head_read_ = true;
  if (framing_.kind == http::BodyKind::Length && framing_.length > limits::kAdminBodyMax) {
    fail_too_large();
  }
}

void RequestReader::read_body() {
  switch (framing_.kind) {
    case http::BodyKind::None:
      state_ = State::Complete;
      break;
    case http::BodyKind::Length:
      if (buffer_.size() < framing_.length) return;
      request_.body = buffer_.substr(0, framing_.length);
      buffer_.erase(0, framing_.length);
      state_ = State::Complete;
      break;
    case http::BodyKind::Chunked:
      read_chunks();
      break;
    case http::BodyKind::UntilClose:
      core::unreachable();  // responses only
  }
  if (state_ == State::Complete) wants_continue_ = false;
}

void RequestReader::read_chunks() {
  std::string_view rest = buffer_;
  while (state_ == State::Partial) {
    const http::ChunkDecoder::Step step = chunks_.next(rest);
    if (step.event == http::ChunkDecoder::Event::Bad) {
      return fail({400, "bad_request", std::string(step.reason)});
    }
    if (step.event == http::ChunkDecoder::Event::Data) request_.body += step.data;
    if (request_.body.size() > limits::kAdminBodyMax) return fail_too_large();
    rest.remove_prefix(step.consumed);
    if (step.event == http::ChunkDecoder::Event::End) state_ = State::Complete;
    if (step.event == http::ChunkDecoder::Event::NeedMore) break;
  }
  buffer_.erase(0, buffer_.size() - rest.size());
}

void RequestReader::fail_too_large() {
  fail(
      {413, "too_large", "a body has at most " + std::to_string(limits::kAdminBodyMax) + " bytes"});
}

void RequestReader::fail(Problem problem) {
  problem_ = std::move(problem);
  state_ = State::Bad;
  wants_continue_ = false;
  buffer_.clear();
}

}  // namespace sluice::admin
