#pragma once
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

/// An admin socket in a directory of its own. Each connection gets the whole answer that `reply`
/// returns for its request; an answer that is empty closes without one.
class FakeAdmin {
 public:
  using Reply = std::function<std::string(const std::string& request)>;

  explicit FakeAdmin(Reply reply) : reply_(std::move(reply)) {
    char pattern[] = "/tmp/sluice-cli-XXXXXX";
    directory_ = mkdtemp(pattern);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    listen(listener_, 16);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeAdmin() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path().c_str());
    rmdir(directory_.c_str());
  }
  FakeAdmin(const FakeAdmin&) = delete;
  FakeAdmin& operator=(const FakeAdmin&) = delete;

  std::string path() const { return directory_ + "/admin.sock"; }
  /// Requests so far, head and body. Call after the client has returned.
  const std::vector<std::string>& requests() const { return requests_; }

  static std::string json(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  static std::string read_request(int fd) {
    std::string all;
    char buffer[4096];
    while (true) {
      const std::size_t head = all.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::size_t at = all.find("Content-Length: ");
        const std::size_t length = at < head ? std::strtoul(all.c_str() + at + 16, nullptr, 10) : 0;
        if (all.size() >= head + 4 + length) return all;
      }
      const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(got));
    }
  }

  void serve() {
    while (true) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const std::string request = read_request(fd);
      requests_.push_back(request);
      const std::string answer = reply_(request);
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(fd);
    }
  }

  Reply reply_;
  std::string directory_;
  int listener_ = -1;
  std::vector<std::string> requests_;
  std::thread thread_;
};
