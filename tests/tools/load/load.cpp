#include "load/load.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/murmur3.hpp"
#include "common/pattern.hpp"

namespace tools {
namespace {

constexpr unsigned kBuckets = 10'000;
constexpr std::uint64_t kAdmin = UINT64_MAX;
constexpr std::uint64_t kCommands = UINT64_MAX - 1;
constexpr std::chrono::seconds kRequestTimeout{10};
constexpr std::chrono::seconds kChangeTimeout{20};

Instant later(Instant from, double seconds) {
  return from + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double seconds_between(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

std::uint64_t micros_between(Instant from, Instant to) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

void watch(const Fd& epoll, int operation, int fd, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  epoll_ctl(epoll.get(), operation, fd, &event);
}

std::string_view word_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + key.size());
  return rest.substr(0, rest.find_first_of(" \n"));
}

}  // namespace

Load::Load(LoadOptions options)
    : options_(std::move(options)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      clients_(options_.connections),
      watched_(options_.connections, 0),
      changer_(options_.admin_socket, options_.service) {
  const std::string& salt = options_.salt.empty() ? options_.service : options_.salt;
  const std::string post =
      options_.post_bytes == 0 ? "" : fmt::format("Content-Length: {}\r\n", options_.post_bytes);
  for (std::uint32_t user = 0; user < options_.users; ++user) {
    const std::string id = fmt::format("user-{}", user);
    buckets_.push_back(bucket_of(salt, id));
    const std::string user_line = options_.user_field.empty() ? "Cookie: theme=dark; uid=" + id
                                                              : options_.user_field + ": " + id;
    request_heads_.push_back(fmt::format(" HTTP/1.1\r\nHost: {}\r\n{}\r\n{}{}\r\n", options_.host,
                                         user_line, post,
                                         options_.closes ? "Connection: close\r\n" : ""));
  }
  while (post_body_.size() < options_.post_bytes) {
    post_body_.append(pattern().substr(0, options_.post_bytes - post_body_.size()));
  }
}

int Load::run() {
  if (!options_.admin_socket.empty() && !learn_state()) return 1;
  if (options_.reads_commands) watch(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, kCommands);
  start_ = next_live_ = next_change_ = next_timeout_check_ = Clock::now();
  next_live_ += std::chrono::milliseconds(options_.live_ms);
  // Changes begin when the load is under way on every connection.
  next_change_ += std::chrono::milliseconds(200);
  for (std::size_t i = 0; i < clients_.size(); ++i) reopen(i);
  loop();
  for (std::uint64_t i = judge_.late_wrong(); i > 0; --i) total_.fail(Failure::WrongPool);
  for (std::uint64_t i = judge_.unsettled(); i > 0; --i) total_.fail(Failure::UnknownGeneration);
  const double change_seconds =
      first_change_ && last_change_ ? seconds_between(*first_change_, *last_change_) : 0;
  fmt::print("{}\n", report_json(total_, seconds_since_start(), change_seconds,
                                 {first_trouble_, first_reconnect_}));
  std::fflush(stdout);
  return total_.failed() == 0 ? 0 : 1;
}

bool Load::learn_state() {
  changer_.start("status");
  std::optional<AdminAnswer> answer;
  epoll_event event{};
  watch(epoll_, EPOLL_CTL_ADD, changer_.fd(), EPOLLIN, kAdmin);
  changer_fd_ = changer_.fd();
  for (int turn = 0; turn < 50 && !answer; ++turn) {
    epoll_wait(epoll_.get(), &event, 1, 100);
    answer = changer_.on_readable();
  }
  if (!answer || answer->generation == 0 || answer->truth.live.empty()) {
    fmt::print(stderr, "test-load: no status of service '{}' on the admin socket: {}\n",
               options_.service, answer ? answer->body : "no answer");
    return false;
  }
  judge_.command_answered(answer->generation, answer->truth);
  judges_ = true;
  return true;
}

void Load::loop() {
  std::array<epoll_event, 256> events{};
  while (!is_over()) {
    issue_change();
    issue_requests();
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_time());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kAdmin) {
        if (const auto answer = changer_.on_readable()) on_change(*answer);
      } else if (event.data.u64 == kCommands) {
        read_commands();
      } else {
        on_client(event.data.u64, event.events);
      }
    }
    check_timeouts();
    print_live();
  }
}

bool Load::is_over() const {
  const auto is_waiting = [](const Client& client) { return !client.pending().empty(); };
  return quits_ && !changer_.is_busy() &&
         std::none_of(clients_.begin(), clients_.end(), is_waiting);
}

// ---- requests

void Load::issue_requests() {
  const Instant now = Clock::now();
  if (options_.requests != 0 && total_.sent >= options_.requests) quits_ = true;
  if (options_.seconds > 0 && seconds_since_start() >= options_.seconds) quits_ = true;
  const bool changes_done =
      options_.changes != 0 && total_.changes_sent >= options_.changes && !changer_.is_busy();
  if (changes_done && now >= later(*last_change_, options_.tail)) quits_ = true;
  while (!quits_ && !ready_.empty()) {
    if (options_.requests != 0 && total_.sent >= options_.requests) return;
    if (options_.rps > 0 &&
        static_cast<double>(total_.sent) >= options_.rps * seconds_since_start())
      return;
    const std::size_t index = ready_.front();
    ready_.pop_front();
    send_request(index);
  }
}

void Load::send_request(std::size_t index) {
  Client& client = clients_[index];
  fmt::memory_buffer bytes;
  for (std::size_t i = 0; i < options_.pipeline; ++i) {
    const std::uint64_t number = next_number_++;
    const auto user = static_cast<std::uint32_t>(number % options_.users);
    bytes.clear();
    fmt::format_to(std::back_inserter(bytes), "{} {}{}n={}{}",
                   options_.post_bytes == 0 ? "GET" : "POST", options_.target,
                   options_.target.find('?') == std::string::npos ? '?' : '&', number,
                   request_heads_[user]);
    bytes.append(post_body_);
    client.add({number, user, judge_.floor(), Clock::now()}, {bytes.data(), bytes.size()});
    ++total_.sent;
  }
  if (!client.flush()) return lose(index, Client::Trouble::Reset);
  rewatch(index);
}

void Load::on_client(std::size_t index, std::uint32_t events) {
  Client& client = clients_[index];
  if (client.state() == Client::State::Closed) return;
  if (client.state() == Client::State::Connecting) {
    if (!client.on_writable()) {
      trouble(Failure::Connect, "connect refused");
      return reopen(index);
    }
    ready_.push_back(index);
    return rewatch(index);
  }
  if ((events & EPOLLOUT) != 0 && !client.flush()) return lose(index, Client::Trouble::Reset);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return rewatch(index);
  const bool was_busy = !client.pending().empty();
  const Client::Trouble end = client.read();
  Answer answer;
  while (client.next(answer)) on_answer(answer);
  if (client.is_malformed()) return lose(index, Client::Trouble::Malformed);
  if (end != Client::Trouble::None) return lose(index, end);
  if (client.pending().empty() && (client.asked_to_close() || options_.closes)) {
    if (!options_.closes) note_reconnect(index);
    return reopen(index);
  }
  if (was_busy && client.pending().empty()) ready_.push_back(index);
  rewatch(index);
}

void Load::on_answer(const Answer& answer) {
  ++total_.answered;
  ++interval_.answered;
  const std::uint64_t micros = micros_between(answer.request.sent_at, Clock::now());
  total_.latency.add(micros);
  interval_.latency.add(micros);
  if (answer.status != 200) {
    return trouble(Failure::Status,
                   fmt::format("{} {}", answer.head.start_line, answer.body.substr(0, 200)));
  }
  const std::string_view pool = word_after(answer.body, "pool=");
  const std::size_t index = pool == "green" ? 1 : 0;
  ++total_.pools[index];
  ++interval_.pools[index];
  if (options_.body_size == 0) return;
  const std::size_t line = std::min(answer.body.find('\n'), answer.body.size() - 1) + 1;
  const bool is_whole = answer.body.size() == options_.body_size &&
                        to_number(word_after(answer.body, " n=")) == answer.request.number &&
                        pattern().starts_with(answer.body.substr(line, pattern().size()));
  if (!is_whole) {
    return trouble(Failure::Body, fmt::format("body of request {}: {}", answer.request.number,
                                              answer.body.substr(0, 100)));
  }
  if (judges_) check_pool(answer, pool);
}

void Load::check_pool(const Answer& answer, std::string_view body_pool) {
  const auto shown = answer.head.field("sluice-generation");
  const std::uint64_t generation = to_number(shown.value_or(""));
  const unsigned bucket = buckets_[answer.request.user];
  const std::string detail = fmt::format(
      "request {} of user-{} (bucket {}) got {} at generation {}; floor {}, ceiling {}; {}",
      answer.request.number, answer.request.user, bucket, body_pool, generation,
      answer.request.floor, judge_.ceiling(), answer.head.field("sluice-reason").value_or(""));
  if (answer.head.field("sluice-pool").value_or(body_pool) != body_pool)
    return trouble(Failure::WrongPool, detail);
  const std::string_view reason = answer.head.field("sluice-reason").value_or("");
  const bool is_rescued = options_.takes_rescues && (reason == "rescue" || reason == "fallback");
  if (is_rescued) ++total_.rescued;
  // A bucket that no split reaches: its answers are the live pool's.
  const unsigned judged = is_rescued ? kBuckets : bucket;
  switch (judge_.judge(judged, body_pool, generation, answer.request.floor)) {
    case Verdict::Right:
    case Verdict::Pending:
      return;
    case Verdict::WrongPool:
      return trouble(Failure::WrongPool, detail);
    case Verdict::OldGeneration:
      return trouble(Failure::OldGeneration, detail);
    case Verdict::UnknownGeneration:
      return trouble(Failure::UnknownGeneration, detail);
  }
}

void Load::lose(std::size_t index, Client::Trouble why) {
  const Client& client = clients_[index];
  if (client.pending().empty()) note_reconnect(index);  // an idle connection was closed
  for (const Pending& request : client.pending()) {
    const Failure failure = why == Client::Trouble::Malformed ? Failure::Body
                            : why == Client::Trouble::Closed  ? Failure::Closed
                                                              : Failure::Reset;
    trouble(failure,
            fmt::format("request {} lost, {:.1f} ms after it was sent{}", request.number,
                        static_cast<double>(micros_between(request.sent_at, Clock::now())) / 1000,
                        client.has_partial_answer() ? ", in the middle of an answer" : ""));
  }
  reopen(index);
}

void Load::reopen(std::size_t index) {
  std::erase(ready_, index);
  watched_[index] = 0;
  clients_[index].close();
  if (quits_) return;
  if (!clients_[index].connect(options_.address)) return trouble(Failure::Connect, "no socket");
  rewatch(index);
}

void Load::rewatch(std::size_t index) {
  const Client& client = clients_[index];
  if (client.state() == Client::State::Closed) return;
  const std::uint32_t wanted = EPOLLIN | (client.wants_write() ? EPOLLOUT : 0U);
  if (wanted == watched_[index]) return;
  watch(epoll_, watched_[index] == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, client.fd(), wanted, index);
  watched_[index] = wanted;
}

// ---- changes

void Load::issue_change() {
  if (total_.changes_sent >= options_.changes || changer_.is_busy() || Clock::now() < next_change_)
    return;
  next_change_ = later(next_change_, 1 / options_.change_rate);
  start_change(options_.cycle[total_.changes_sent % options_.cycle.size()]);
}

void Load::start_change(const std::string& command) {
  judge_.command_sent();
  changer_.start(command);
  ++total_.changes_sent;
  last_change_ = Clock::now();
  if (!first_change_) first_change_ = last_change_;
  if (changer_.fd() < 0) return on_change(*changer_.on_readable());
  // The connection may be a new one; adding the old one again is refused by the kernel and means
  // nothing.
  watch(epoll_, EPOLL_CTL_ADD, changer_.fd(), EPOLLIN, kAdmin);
}

void Load::on_change(const AdminAnswer& answer) {
  last_change_ = Clock::now();
  judge_.command_answered(answer.status == 200 ? answer.generation : 0, answer.truth);
  if (answer.status != 200) {
    ++total_.changes_failed;
    if (first_trouble_.empty())
      first_trouble_ = fmt::format("change: {} {}", answer.status, answer.body);
  } else {
    if (answer.changed) ++total_.changes_made;
    total_.change_total.add(answer.took_us);
    total_.change_latency.add(answer.took_us - std::min(answer.took_us, answer.persist_us));
  }
  if (options_.reads_commands) {
    fmt::print("{{\"change\":{},\"took_us\":{}}}\n", answer.status == 0 ? "null" : answer.body,
               answer.took_us);
    std::fflush(stdout);
  }
}

void Load::read_commands() {
  std::array<char, 4096> buffer;
  const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got <= 0) {
    quits_ = true;
    watch(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, 0, kCommands);
    return;
  }
  command_buffer_.append(buffer.data(), static_cast<std::size_t>(got));
  for (std::size_t end; (end = command_buffer_.find('\n')) != std::string::npos;) {
    const std::string line = command_buffer_.substr(0, end);
    command_buffer_.erase(0, end + 1);
    on_command_line(line);
  }
}

void Load::on_command_line(const std::string& line) {
  if (line == "quit") quits_ = true;
  if (line == "sent") judge_.command_sent();
  if (line.starts_with("answered")) {
    std::array<char, 16> live{};
    unsigned long long generation = 0;
    unsigned split = 0;
    if (std::sscanf(line.c_str(), "answered %llu %15s %u", &generation, live.data(), &split) == 3) {
      judge_.command_answered(generation, {live.data(), split});
    } else {
      judge_.command_answered(0, {});
    }
  }
  if (line.starts_with("change ") && !changer_.is_busy()) return start_change(line.substr(7));
  fmt::print("{{\"ack\":\"{}\"}}\n", line);
  std::fflush(stdout);
}

// ---- time

void Load::check_timeouts() {
  const Instant now = Clock::now();
  if (now < next_timeout_check_) return;
  next_timeout_check_ = now + std::chrono::milliseconds(500);
  if (changer_.is_busy() && now - changer_.sent_at() > kChangeTimeout)
    on_change(changer_.give_up());
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto& pending = clients_[i].pending();
    if (pending.empty() || now - pending.front().sent_at < kRequestTimeout) continue;
    for (const Pending& request : pending)
      trouble(Failure::Timeout, fmt::format("request {} timed out", request.number));
    reopen(i);
  }
}

void Load::print_live() {
  const Instant now = Clock::now();
  if (options_.live_ms == 0 || now < next_live_) return;
  const double interval = options_.live_ms / 1000.0 + seconds_between(next_live_, now);
  fmt::print("{}\n", live_json(total_, interval_, seconds_since_start(), interval, judge_.floor()));
  std::fflush(stdout);
  interval_ = Counts{};
  next_live_ = now + std::chrono::milliseconds(options_.live_ms);
}

int Load::wait_time() const {
  // A paced load looks at the clock each millisecond; the others wait for events and look ten times
  // a second.
  if (options_.rps > 0 && !ready_.empty()) return 1;
  if (total_.changes_sent < options_.changes) return 1;
  return 20;
}

double Load::seconds_since_start() const {
  return seconds_between(start_, Clock::now());
}

void Load::note_reconnect(std::size_t index) {
  ++total_.reconnects;
  if (!first_reconnect_.empty()) return;
  const Client& client = clients_[index];
  first_reconnect_ = fmt::format(
      "at {:.1f} s, connection {} after {} answers, {}", seconds_since_start(), index,
      client.answers(), client.asked_to_close() ? "Connection: close" : "closed while idle");
}

void Load::trouble(Failure why, const std::string& detail) {
  total_.fail(why);
  if (first_trouble_.empty()) {
    first_trouble_ = fmt::format("{}: {}", kFailureNames[static_cast<std::size_t>(why)], detail);
  }
}

}  // namespace tools
