#include "sluice/http/target.hpp"

#include "http/char_class.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// RFC 3986 §2.3. The same octets as of a plain host name.
bool is_unreserved(char c) {
  return is_in(kHost, c);
}

/// Copies with unreserved escapes decoded. Others stay as they are: %2F is not a separator and must
/// not become one.
std::optional<std::size_t> decode(std::string_view path, std::span<char> out) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out[size++] = path[i];
      continue;
    }
    if (path.size() - i < 3) return {};
    const int high = hex_value(path[i + 1]);
    const int low = hex_value(path[i + 2]);
    if (high < 0 || low < 0) return {};
    const char octet = static_cast<char>(high << 4 | low);
    if (is_unreserved(octet)) {
      out[size++] = octet;
    } else {
      out[size++] = '%';
      out[size++] = path[i + 1];
      out[size++] = path[i + 2];
    }
    i += 2;
  }
  return size;
}

/// RFC 3986 §5.2.4 in place, for a path that begins with "/". Climbing above the root is refused
/// instead of ignored: what a client means by it is never good, and two readers resolve it
/// differently.
std::optional<std::size_t> remove_dot_segments(std::span<char> path) {
  std::size_t written = 0;
  std::size_t at = 0;
  while (at < path.size()) {
    std::size_t end = at + 1;  // of the segment that begins with the "/" at `at`
    while (end < path.size() && path[end] != '/') ++end;
    const std::string_view segment(path.data() + at, end - at);
    const bool is_last = end == path.size();
    if (segment == "/." || segment == "/..") {
      if (segment.size() == 3) {
        if (written == 0) return {};
        while (path[--written] != '/') {
        }
      }
      if (is_last) path[written++] = '/';
    } else {
      for (std::size_t i = at; i < end; ++i) path[written++] = path[i];
    }
    at = end;
  }
  return written;
}

/// Most paths are short, and then a loop costs a fourth of two searches by the library (90
/// instructions).
bool may_differ(std::string_view path) {
  constexpr std::size_t kShort = 24;
  if (path.size() <= kShort) {
    char before = 0;
    for (const char c : path) {
      if (c == '%' || (c == '.' && before == '/')) return true;
      before = c;
    }
    return false;
  }
  return path.find('%') != std::string_view::npos || path.find("/.") != std::string_view::npos;
}

}  // namespace

std::optional<Refusal> normalize_path(std::string_view path, std::span<char> scratch,
                                      std::string_view& out) {
  out = path;
  if (!path.starts_with('/') || !may_differ(path)) return {};
  ENSURE(scratch.size() >= path.size(), "scratch holds the path");
  const std::optional<std::size_t> decoded = decode(path, scratch);
  if (!decoded) return Refusal{400, "the request target holds a malformed percent escape"};
  const std::optional<std::size_t> size = remove_dot_segments(scratch.first(*decoded));
  if (!size) return Refusal{400, "the request target climbs above the root"};
  out = std::string_view(scratch.data(), *size);
  return {};
}

}  // namespace sluice::http
