#include "control/digest.hpp"

#include <openssl/evp.h>

#include <array>

#include "sluice/core/ensure.hpp"

namespace sluice::control {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  ENSURE(done == 1 && size == digest.size(), "SHA-256 is always there");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(kDigestHexSize);
  for (const unsigned char byte : digest) {
    text.push_back(kDigits[byte >> 4U]);
    text.push_back(kDigits[byte & 15U]);
  }
  return text;
}

}  // namespace sluice::control
