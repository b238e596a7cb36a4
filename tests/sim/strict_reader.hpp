#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::sim {

enum class BodyForm : std::uint8_t { None, Length, Chunked, UntilClose };

/// One HTTP/1 message as an independent, strict reading of RFC 9112 finds it.
struct Message {
  std::string start;  // the request or status line
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::pair<std::string, std::string>> trailers;
  BodyForm form = BodyForm::None;
  std::uint64_t length = 0;
  std::string body;
  bool is_complete = false;

  std::optional<std::string> field(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  unsigned status() const;     // of a response
  std::string method() const;  // of a request
  std::string target() const;  // of a request
};

/// Reads what Sluice wrote, sharing no code with it. Anything that is not exactly the grammar that
/// a careful sender uses (no chunk extensions, no odd spacing, one framing field) is an error:
/// Sluice writes every message itself.
class StrictReader {
 public:
  enum class Kind : std::uint8_t { Requests, Responses };
  explicit StrictReader(Kind kind) : kind_(kind) {}

  /// Responses: the method of the next request, in order; decides whether a body follows.
  void expect(std::string method) { methods_.push_back(std::move(method)); }
  void feed(std::string_view bytes);
  /// A FIN.
  void end();
  /// Everything behind the last complete message is raw from now on (a tunnel).
  void go_raw();

  /// The message that is being read, head complete; nullptr between messages.
  const Message* current() const { return state_ == State::Head ? nullptr : &current_; }
  /// Complete ones, informational ones included.
  std::deque<Message> done;
  std::string raw;
  std::string error;  // first violation
  bool is_between() const { return state_ == State::Head && buffer_.empty(); }
  bool has_partial_head() const { return state_ == State::Head && !buffer_.empty(); }

 private:
  enum class State : std::uint8_t {
    Head,
    Length,
    ChunkSize,
    ChunkData,
    ChunkEnd,
    Trailers,
    UntilClose,
    Raw
  };

  void fail(std::string why);
  bool advance();
  bool take_line(std::string& line);
  bool read_head();
  void judge_head();
  void judge_framing(bool has_no_body);
  bool read_field(const std::string& line, std::vector<std::pair<std::string, std::string>>& into);
  void complete();

  const Kind kind_;
  State state_ = State::Head;
  std::string buffer_;
  Message current_;
  std::uint64_t remaining_ = 0;
  std::deque<std::string> methods_;
};

}  // namespace sluice::sim
