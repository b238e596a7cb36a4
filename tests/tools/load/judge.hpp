#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tools {

/// What one generation of a service says about its users.
struct Truth {
  std::string live = "blue";
  unsigned split = 0;  // basis points of the candidate

  std::string_view pool_of(unsigned bucket) const;
};

enum class Verdict { Right, WrongPool, OldGeneration, UnknownGeneration, Pending };

/// Decides whether an answer was right, knowing only what a client can know: the generation of each
/// answer lies between the last command answered when the request's first byte was sent and the
/// last one sent when its answer began, and the user has the pool that this generation says.
class Judge {
 public:
  /// A command was sent; the generation it will make counts as possible from now on.
  void command_sent() { ++in_flight_; }
  /// It was answered. No-ops answer with an old generation; refused ones with none (0).
  void command_answered(std::uint64_t generation, const Truth& truth);

  std::uint64_t floor() const { return answered_; }
  std::uint64_t ceiling() const { return answered_ + in_flight_; }
  const Truth& truth() const { return history_.at(answered_); }

  /// `floor` as it was when the request was sent. Pending: judged when the command of that
  /// generation is answered.
  Verdict judge(unsigned bucket, std::string_view pool, std::uint64_t generation,
                std::uint64_t floor);
  /// Wrong pools found among the pending ones, and those never settled.
  std::uint64_t late_wrong() const { return late_wrong_; }
  std::uint64_t unsettled() const { return pending_.size(); }

 private:
  struct Open {
    std::uint64_t generation;
    unsigned bucket;
    std::string pool;
  };
  std::uint64_t answered_ = 0;
  std::uint64_t in_flight_ = 0;
  std::unordered_map<std::uint64_t, Truth> history_{{0, Truth{}}};
  std::vector<Open> pending_;
  std::uint64_t late_wrong_ = 0;
};

}  // namespace tools
