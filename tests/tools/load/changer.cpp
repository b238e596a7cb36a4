#include "load/changer.hpp"

#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "common/http_head.hpp"

namespace tools {
namespace {

using Json = nlohmann::json;

struct AdminRequest {
  std::string method = "POST";
  std::string path;
  std::string body;
};

AdminRequest request_for(const std::string& command, const std::string& service) {
  const std::size_t blank = command.find(' ');
  const std::string verb = command.substr(0, blank);
  const std::string argument = blank == std::string::npos ? "" : command.substr(blank + 1);
  if (verb == "status") return {"GET", "/v1/status", ""};
  Json body = Json::object();
  if (verb == "switch") body["pool"] = argument;
  if (verb == "split") body["percent"] = argument;
  return {"POST", fmt::format("/v1/services/{}/{}", service, verb), body.dump()};
}

void read_change(const Json& json, AdminAnswer& out) {
  out.changed = json.value("changed", false);
  out.generation = json.value("generation", std::uint64_t{0});
  out.truth.live = json.value("live", "");
  out.truth.split = json.value("split_basis_points", 0U);
  if (json.contains("took_us")) out.persist_us = json["took_us"].value("persist", std::uint64_t{0});
}

}  // namespace

void Changer::start(const std::string& command) {
  const AdminRequest request = request_for(command, service_);
  const std::string bytes = fmt::format(
      "{} {} HTTP/1.1\r\nHost: sluice\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      request.method, request.path, request.body.size(), request.body);
  if (!fd_.is_open()) fd_ = connect_to(address_);
  is_busy_ = true;
  in_.clear();
  if (!send_all(bytes)) fd_.reset();
  sent_at_ = Clock::now();
}

bool Changer::send_all(const std::string& bytes) {
  // A request is smaller than any socket buffer: a short write means that nobody reads there.
  return fd_.is_open() && send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                              static_cast<ssize_t>(bytes.size());
}

std::optional<AdminAnswer> Changer::on_readable() {
  if (!fd_.is_open()) return failed("no connection");
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got <= 0) return failed("closed by the proxy");
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  return take_answer();
}

std::optional<AdminAnswer> Changer::take_answer() {
  const auto head = find_head(in_);
  if (!head) return std::nullopt;
  const std::size_t length = head->content_length().value_or(0);
  if (in_.size() < head->size + length) return std::nullopt;
  AdminAnswer answer;
  answer.took_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent_at_).count());
  answer.status = static_cast<unsigned>(
      to_number(head->start_line.substr(std::min<std::size_t>(9, head->start_line.size()))));
  answer.body = in_.substr(head->size, length);
  const Json json = Json::parse(answer.body, nullptr, false);
  if (json.is_object() && answer.status == 200) {
    if (json.contains("services")) {
      for (const Json& service : json["services"]) {
        if (service.value("name", "") == service_) read_change(service, answer);
      }
      answer.generation = json.value("generation", std::uint64_t{0});
    } else {
      read_change(json, answer);
    }
  }
  if (head->says("connection", "close")) fd_.reset();
  is_busy_ = false;
  return answer;
}

AdminAnswer Changer::failed(const std::string& why) {
  fd_.reset();
  is_busy_ = false;
  AdminAnswer answer;
  answer.body = why;
  return answer;
}

}  // namespace tools
