#include "sluice/core/keyed_hash.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

namespace sluice::core {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

struct State {
  std::uint64_t v0, v1, v2, v3;

  explicit State(HashKey key)
      : v0(key.low ^ 0x736f6d6570736575U),
        v1(key.high ^ 0x646f72616e646f6dU),
        v2(key.low ^ 0x6c7967656e657261U),
        v3(key.high ^ 0x7465646279746573U) {}

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  template <int kRounds>
  void absorb(std::uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) round();
    v0 ^= word;
  }
  template <int kRounds>
  std::uint64_t finish() {
    v2 ^= 0xFF;
    for (int i = 0; i < kRounds; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

/// The word behind all whole words: what is left, and the size of all.
std::uint64_t last_word(std::uint64_t left, std::size_t size) {
  return left | static_cast<std::uint64_t>(size) << 56U;
}

template <typename Word>
std::uint64_t load(const char* at) {
  Word word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// What is left of a text of `size` octets, less than a word. By whole words where there are some
/// before it, else by two halves or three octets that may overlap: a copy of a length that is not
/// known is a call.
inline std::uint64_t tail(std::string_view rest, std::size_t size) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  constexpr std::size_t kHalf = kWord / 2;
  const std::size_t left = rest.size();
  if (left == 0) return 0;
  const char* const begin = rest.data();
  const char* const end = begin + left;
  if (size >= kWord) return load<std::uint64_t>(end - kWord) >> (8 * (kWord - left));
  if (left >= kHalf)
    return load<std::uint32_t>(begin) | load<std::uint32_t>(end - kHalf) << (8 * (left - kHalf));
  const std::size_t middle = left / 2;
  return load<std::uint8_t>(begin) | load<std::uint8_t>(begin + middle) << (8 * middle) |
         load<std::uint8_t>(end - 1) << (8 * (left - 1));
}

template <int kRounds, int kLastRounds>
std::uint64_t siphash(std::string_view bytes, HashKey key) {
  State state(key);
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const std::size_t size = bytes.size();
  while (bytes.size() >= kWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), kWord);
    state.absorb<kRounds>(word);
    bytes.remove_prefix(kWord);
  }
  state.absorb<kRounds>(last_word(tail(bytes, size), size));
  return state.finish<kLastRounds>();
}

}  // namespace

std::uint64_t siphash_2_4(std::string_view bytes, HashKey key) {
  return siphash<2, 4>(bytes, key);
}

std::uint64_t siphash_1_3(std::string_view bytes, HashKey key) {
  return siphash<1, 3>(bytes, key);
}

std::uint64_t siphash_1_3(std::array<std::uint8_t, 4> octets, HashKey key) {
  State state(key);
  state.absorb<1>(last_word(std::bit_cast<std::uint32_t>(octets), octets.size()));
  return state.finish<3>();
}

}  // namespace sluice::core
