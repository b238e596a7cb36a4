#include "sim/strict_reader.hpp"

#include <algorithm>
#include <cctype>

namespace sluice::sim {

namespace {

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::optional<std::uint64_t> number(std::string_view text, unsigned base) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t digits_max = base == 10 ? 19 : 15;  // 2^63-1 has 19
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (digit == std::string_view::npos || digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

std::optional<std::string> Message::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (same(key, name)) return value;
  }
  return std::nullopt;
}

std::size_t Message::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [name](const auto& field) { return same(field.first, name); }));
}

unsigned Message::status() const {
  return static_cast<unsigned>(number(std::string_view(start).substr(9, 3), 10).value_or(0));
}
std::string Message::method() const {
  return start.substr(0, start.find(' '));
}
std::string Message::target() const {
  const std::size_t from = start.find(' ') + 1;
  return start.substr(from, start.find(' ', from) - from);
}

void StrictReader::fail(std::string why) {
  if (error.empty()) error = std::move(why);
}

void StrictReader::feed(std::string_view bytes) {
  if (!error.empty()) return;
  if (state_ == State::Raw) {
    raw.append(bytes);
    return;
  }
  buffer_.append(bytes);
  while (error.empty() && advance()) {
  }
}

void StrictReader::end() {
  if (state_ == State::UntilClose) complete();
}

void StrictReader::go_raw() {
  state_ = State::Raw;
  raw.append(buffer_);
  buffer_.clear();
}

/// False: more bytes are needed.
bool StrictReader::advance() {
  std::string line;
  switch (state_) {
    case State::Head:
      return read_head();
    case State::Length:
    case State::ChunkData: {
      if (buffer_.empty()) return false;
      const auto take =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, buffer_.size()));
      current_.body.append(buffer_, 0, take);
      buffer_.erase(0, take);
      remaining_ -= take;
      if (remaining_ > 0) return false;
      if (state_ == State::Length) {
        complete();
      } else {
        state_ = State::ChunkEnd;
      }
      return true;
    }
    case State::ChunkEnd:
      if (!take_line(line)) return false;
      if (!line.empty()) fail("chunk data without its CRLF");
      state_ = State::ChunkSize;
      return true;
    case State::ChunkSize: {
      if (!take_line(line)) return false;
      const auto size = number(line, 16);
      if (!size) fail("a chunk-size line: " + line);
      remaining_ = size.value_or(0);
      state_ = remaining_ == 0 ? State::Trailers : State::ChunkData;
      return true;
    }
    case State::Trailers:
      if (!take_line(line)) return false;
      if (line.empty()) {
        complete();
      } else {
        read_field(line, current_.trailers);
      }
      return true;
    case State::UntilClose:
      current_.body.append(buffer_);
      buffer_.clear();
      return false;
    case State::Raw:
      return false;
  }
  return false;
}

bool StrictReader::take_line(std::string& line) {
  const std::size_t lf = buffer_.find('\n');
  if (lf == std::string::npos) return false;
  if (lf == 0 || buffer_[lf - 1] != '\r') fail("a bare LF");
  line = buffer_.substr(0, lf == 0 ? 0 : lf - 1);
  if (line.find('\r') != std::string::npos) fail("a bare CR");
  buffer_.erase(0, lf + 1);
  return true;
}

bool StrictReader::read_field(const std::string& line,
                              std::vector<std::pair<std::string, std::string>>& into) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || !is_token(std::string_view(line).substr(0, colon))) {
    fail("a field line: " + line);
    return false;
  }
  std::string_view value = std::string_view(line).substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  into.emplace_back(line.substr(0, colon), std::string(value));
  return true;
}

bool StrictReader::read_head() {
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  current_ = Message{};
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  std::size_t at = head.find("\r\n");
  current_.start = head.substr(0, at);
  at += 2;
  while (at < head.size()) {
    const std::size_t next = head.find("\r\n", at);
    const std::string line = head.substr(at, next - at);
    if (line.find('\n') != std::string::npos || line.find('\r') != std::string::npos)
      fail("a bare CR or LF");
    if (!read_field(line, current_.fields)) return false;
    at = next + 2;
  }
  judge_head();
  return true;
}

void StrictReader::judge_head() {
  const std::string& start = current_.start;
  if (kind_ == Kind::Requests) {
    const auto spaces = std::count(start.begin(), start.end(), ' ');
    if (spaces != 2 || !start.ends_with(" HTTP/1.1") || !is_token(current_.method()))
      return fail("a request line: " + start);
    if (current_.count("Host") != 1) fail("not exactly one Host");
    return judge_framing(false);
  }
  if (start.size() < 12 || !start.starts_with("HTTP/1.1 ") || current_.status() < 100)
    return fail("a status line: " + start);
  const unsigned status = current_.status();
  std::string method;
  if (!methods_.empty()) method = methods_.front();
  if (methods_.empty()) return fail("a response that nobody asked for: " + start);
  if (status >= 200) methods_.pop_front();
  judge_framing(method == "HEAD" || status < 200 || status == 204 || status == 304);
}

void StrictReader::judge_framing(bool has_no_body) {
  const bool is_chunked = current_.count("Transfer-Encoding") > 0;
  const std::size_t lengths = current_.count("Content-Length");
  if (is_chunked && lengths > 0) return fail("both framings");
  if (lengths > 1) return fail("a repeated Content-Length");
  if (is_chunked && (current_.count("Transfer-Encoding") > 1 ||
                     !same(*current_.field("Transfer-Encoding"), "chunked"))) {
    return fail("a Transfer-Encoding that is not chunked");
  }
  std::optional<std::uint64_t> length;
  if (lengths == 1) {
    length = number(*current_.field("Content-Length"), 10);
    if (!length) return fail("a Content-Length");
    current_.length = *length;
  }
  if (has_no_body) {
    if (is_chunked && current_.status() != 304 && current_.status() >= 200 &&
        current_.status() != 204)
      return complete();
    if (is_chunked) return fail("a Transfer-Encoding where no body can be");
    return complete();
  }
  if (is_chunked) {
    current_.form = BodyForm::Chunked;
    state_ = State::ChunkSize;
  } else if (length) {
    current_.form = BodyForm::Length;
    remaining_ = *length;
    if (remaining_ == 0) return complete();
    state_ = State::Length;
  } else if (kind_ == Kind::Responses) {
    current_.form = BodyForm::UntilClose;
    state_ = State::UntilClose;
  } else {
    complete();
  }
}

void StrictReader::complete() {
  current_.is_complete = true;
  done.push_back(std::move(current_));
  current_ = Message{};
  state_ = State::Head;
}

}  // namespace sluice::sim
