#include "sim/plans.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sluice/core/limits.hpp"
#include "sluice/core/rng.hpp"

namespace sluice::sim {

const AnswerPlan& RequestPlan::answer(std::size_t attempt) const {
  static const AnswerPlan plain;
  if (answers.empty()) return plain;
  return answers[std::min(attempt, answers.size() - 1)];
}

std::string bytes_of(Side side, unsigned request, std::size_t size) {
  std::string bytes(size, '\0');
  core::Rng rng((std::uint64_t{request} << 8U) + static_cast<std::uint64_t>(side) + 77);
  for (std::size_t at = 0; at < size;) {
    std::uint64_t word = rng.next();
    for (unsigned i = 0; i < 8 && at < size; ++i, word >>= 8U)
      bytes[at++] = static_cast<char>('A' + (word & 31U));
  }
  return bytes;
}

bool RequestPlan::may_become_tunnel() const {
  const auto switches = [](const AnswerPlan& answer) { return answer.status == 101; };
  return upgrades && std::any_of(answers.begin(), answers.end(), switches);
}

bool RequestPlan::has_sound_answers() const {
  return std::all_of(answers.begin(), answers.end(), [this](const AnswerPlan& answer) {
    const unsigned informational =
        answer.informational + (expects && answer.sends_continue ? 1 : 0);
    return answer.deed == AnswerPlan::Deed::Answer && !answer.cut_at && answer.surplus.empty() &&
           informational <= core::limits::kInformationalMax;
  });
}

namespace {

std::string chunked(std::string_view body, unsigned number, bool has_trailers) {
  std::string wire;
  core::Rng rng(number + 5);
  while (!body.empty()) {
    const std::size_t most = rng.below(4) == 0 ? 7 : 6000;
    const std::size_t size =
        std::min<std::size_t>(body.size(), 1 + rng.below(static_cast<std::uint32_t>(most)));
    std::array<char, 16> line;
    std::snprintf(line.data(), line.size(), rng.below(2) == 0 ? "%zx" : "%zX", size);
    wire.append(line.data());
    if (rng.below(8) == 0) wire.append(";ext=\"x\"");
    wire.append("\r\n").append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  wire.append("0\r\n");
  if (has_trailers) wire.append("X-Trailer: t" + std::to_string(number) + "\r\n");
  return wire.append("\r\n");
}

std::string_view name(BodyForm form) {
  switch (form) {
    case BodyForm::None:
      return "none";
    case BodyForm::Length:
      return "length";
    case BodyForm::Chunked:
      return "chunked";
    case BodyForm::UntilClose:
      return "until close";
  }
  return "";
}

}  // namespace

std::string describe(const RequestPlan& plan) {
  std::string text = plan.method + (plan.is_1_0 ? " 1.0" : "") + ", body " +
                     std::string(name(plan.form)) + " " + std::to_string(plan.body);
  if (plan.expects) text += ", expects";
  if (plan.upgrades) text += ", upgrades";
  if (plan.breaks_body) text += ", broken body";
  if (!plan.raw.empty()) text += ", raw " + plan.raw.substr(0, 60);
  return text + ", user " + plan.user;
}

std::string describe(const AnswerPlan& plan) {
  constexpr std::array<const char*, 5> kDeeds{"answers", "leaves", "breaks", "is silent",
                                              "sends raw"};
  std::string text = kDeeds[static_cast<std::size_t>(plan.deed)];
  text += " " + std::to_string(plan.status) + " " + std::string(name(plan.form)) + " " +
          std::to_string(plan.size);
  if (plan.has_trailers) text += ", trailers";
  if (plan.informational > 0) text += ", 1xx " + std::to_string(plan.informational);
  if (plan.is_early) text += ", early";
  if (plan.stops_reading) text += ", stops reading";
  if (plan.closes) text += ", closes";
  if (plan.cut_at)
    text +=
        ", cut at " + std::to_string(*plan.cut_at) + (plan.cuts_with_reset ? " by RST" : " by FIN");
  if (!plan.surplus.empty()) text += ", surplus";
  return text;
}

std::string compose_request_head(const RequestPlan& plan) {
  if (!plan.raw.empty()) return plan.raw;
  std::string head = plan.method + " " + plan.target() + "?q=1" +
                     (plan.is_1_0 ? " HTTP/1.0" : " HTTP/1.1") + "\r\nHost: shop.test\r\n";
  if (!plan.user.empty()) head += "X-User: " + plan.user + "\r\n";
  if (plan.expects) head += "Expect: 100-continue\r\n";
  if (plan.upgrades) head += "Connection: upgrade\r\nUpgrade: echo\r\n";
  if (plan.form == BodyForm::Length)
    head += "Content-Length: " + std::to_string(plan.body) + "\r\n";
  if (plan.form == BodyForm::Chunked) head += "Transfer-Encoding: chunked\r\n";
  return head + plan.fields + "\r\n";
}

std::string compose_request_body(const RequestPlan& plan) {
  const std::string body = bytes_of(Side::Client, plan.number, plan.body);
  if (plan.form == BodyForm::Length) return body;
  if (plan.form != BodyForm::Chunked) return {};
  if (!plan.breaks_body) return chunked(body, plan.number, plan.has_trailers);
  std::string wire = chunked(body, plan.number, false);
  wire.resize(wire.size() - 5);  // without the last chunk
  return wire + "0x5\r\nabcde\r\n0\r\n\r\n";
}

std::string compose_answer(const RequestPlan& request, const AnswerPlan& plan,
                           core::PoolName pool) {
  std::string wire;
  for (unsigned i = 0; i < plan.informational; ++i)
    wire += "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  if (plan.deed == AnswerPlan::Deed::Raw) return wire + plan.raw;
  wire += "HTTP/1.1 " + std::to_string(plan.status) +
          " Fine\r\nX-Answers: " + std::to_string(request.number) + "\r\n" + plan.fields;
  if (plan.status == 101) return wire + "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
  if (plan.closes) wire += "Connection: close\r\n";
  const bool has_no_body = request.method == "HEAD" || plan.status == 204 || plan.status == 304;
  if (plan.form == BodyForm::Length && plan.status != 204)
    wire += "Content-Length: " + std::to_string(plan.size) + "\r\n";
  if (plan.form == BodyForm::Chunked && plan.status != 204)
    wire += "Transfer-Encoding: chunked\r\n";
  wire += "\r\n";
  if (!has_no_body) {
    const std::string body = bytes_of(side_of(pool), request.number, plan.size);
    wire +=
        plan.form == BodyForm::Chunked ? chunked(body, request.number, plan.has_trailers) : body;
  }
  return wire + plan.surplus;
}

}  // namespace sluice::sim
