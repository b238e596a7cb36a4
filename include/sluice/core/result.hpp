#pragma once
#include <string>
#include <utility>
#include <variant>

#include "sluice/core/ensure.hpp"

namespace sluice::core {

enum class ErrorCode : unsigned char {
  BadInput,     // a value that a person or a peer gave us is wrong
  NotFound,     // a name that does not exist
  Conflict,     // the precondition no longer holds
  Unavailable,  // a peer, disk or resource that does not answer now
  Corrupt,      // data of ours that was damaged
  Io,           // a system call failed
  Exhausted,    // one of our own bounds is reached
};

/// What went wrong, where, in words for a person. `where` is a position ("sluice.yaml:3:5"), a path
/// or a name; may be empty.
struct Error {
  ErrorCode code = ErrorCode::BadInput;
  std::string where;
  std::string what;

  std::string text() const { return where.empty() ? what : where + ": " + what; }
};

struct Unit {};

/// A value or an Error. Member names are those of std::expected (gcc 12 has none); both conversions
/// are implicit on purpose, so that `return value;` and `return error;` read alike. Reading the
/// absent side is a broken invariant.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    ENSURE(has_value(), "value() of a failed Result");
    return std::get<0>(state_);
  }
  const T& value() const& {
    ENSURE(has_value(), "value() of a failed Result");
    return std::get<0>(state_);
  }
  T&& value() && {
    ENSURE(has_value(), "value() of a failed Result");
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T value_or(T fallback) const& { return has_value() ? std::get<0>(state_) : std::move(fallback); }

  const Error& error() const {
    ENSURE(!has_value(), "error() of a good Result");
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Unit>;
inline Status ok() {
  return Unit{};
}

}  // namespace sluice::core
