#include "unit/admin/admin_rig.hpp"

#include <utility>

namespace sluice::test {

nlohmann::json Answer::content() const {
  return nlohmann::json::parse(body);
}

bool Answer::has(const std::string& line) const {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

std::optional<Answer> take_answer(std::string& sent) {
  const std::size_t end = sent.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  Answer answer;
  answer.head = sent.substr(0, end + 2);
  answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
  const std::size_t at = answer.head.find("Content-Length: ");
  REQUIRE(at != std::string::npos);
  const std::size_t length = std::stoul(answer.head.substr(at + 16));
  answer.body = sent.substr(end + 4, length);
  REQUIRE(answer.body.size() == length);
  sent.erase(0, end + 4 + length);
  return answer;
}

Admin::Admin(ControlRig::Options options, std::string bound)
    : rig(std::move(options)),
      bound_host(std::move(bound)),
      server(rig.loop,
             {.controller = *rig.controller,
              .version = "1.2.3",
              .more_metrics = {},
              .bound_host = bound_host},
             [](const net::Transport&) { return control::Actor{.uid = 1000, .pid = 4711}; }) {}

FakeTransport& Admin::connect(net::AcceptEvents& door) {
  FakeTransport& transport = *transports.emplace_back(std::make_unique<FakeTransport>());
  door.on_accept(transport, {}, 0);
  return transport;
}

Answer Admin::ask(FakeTransport& transport, const std::string& bytes) {
  transport.give(bytes);
  rig.settle();
  const auto answer = take_answer(transport.sent);
  REQUIRE(answer);
  return *answer;
}

Answer Admin::get(const std::string& path) {
  return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

std::string Admin::post_bytes(const std::string& path, const std::string& body) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

Answer Admin::post(const std::string& path, const std::string& body) {
  return ask(post_bytes(path, body));
}

unsigned Admin::status_over_tcp(const std::string& host_field, const std::string& version) {
  return ask(connect(server.remote()),
             "GET /metrics HTTP/" + version + "\r\n" + host_field + "\r\n")
      .status;
}

void check_problem(const Answer& answer, unsigned status, const std::string& code) {
  INFO(answer.head << answer.body);
  CHECK(answer.status == status);
  CHECK(answer.has("Content-Type: application/problem+json"));
  const nlohmann::json problem = answer.content();
  CHECK(problem.size() ==
        5U + (problem.contains("instance") ? 1U : 0U) + (problem.contains("remedy") ? 1U : 0U));
  CHECK(problem.at("type") == "urn:sluice:problem:" + code);
  CHECK(problem.at("status") == status);
  CHECK(problem.at("code") == code);
  CHECK(problem.at("type").is_string());
  CHECK_FALSE(problem.at("title").get<std::string>().empty());
  CHECK_FALSE(problem.at("detail").get<std::string>().empty());
}

std::vector<std::string> keys(const nlohmann::json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

}  // namespace sluice::test
