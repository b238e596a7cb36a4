#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "admin/admin_server.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"
#include "support/fake_transport.hpp"

namespace sluice::test {

struct Answer {
  unsigned status = 0;
  std::string head;
  std::string body;
  nlohmann::json content() const;
  bool has(const std::string& line) const;
};

/// Takes one answer from the front of what was sent.
std::optional<Answer> take_answer(std::string& sent);

struct Admin {
  explicit Admin(ControlRig::Options options = {}, std::string bound = "");

  FakeTransport& connect(net::AcceptEvents& door);
  FakeTransport& connect() { return connect(server.local()); }

  Answer ask(const std::string& bytes) { return ask(connect(), bytes); }
  Answer ask(FakeTransport& transport, const std::string& bytes);
  Answer get(const std::string& path);
  static std::string post_bytes(const std::string& path, const std::string& body);
  Answer post(const std::string& path, const std::string& body);

  unsigned status_over_tcp(const std::string& host_field, const std::string& version = "1.1");

  ControlRig rig;
  std::string bound_host;
  std::vector<std::unique_ptr<FakeTransport>> transports;
  admin::AdminServer server;
};

void check_problem(const Answer& answer, unsigned status, const std::string& code);

std::vector<std::string> keys(const nlohmann::json& object);

}  // namespace sluice::test
