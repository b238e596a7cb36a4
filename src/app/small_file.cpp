#include "app/small_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace sluice::app {

std::string read_small_file(const std::string& path, const net::DescriptorUse& use) {
  const net::OwnedFd file(
      net::make_descriptor(use, [&path] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  std::string text;
  std::array<char, 4096> piece;
  for (ssize_t count = 1; file.is_open() && count > 0;) {
    count = ::read(file.get(), piece.data(), piece.size());
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace sluice::app
