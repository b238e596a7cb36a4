#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace tools {

/// One HTTP/1 head inside a buffer; views stay valid as long as the buffer. For peers that we
/// trust: no strictness here.
struct Head {
  std::size_t size = 0;         // with the empty line
  std::string_view start_line;  // without CRLF
  std::string_view fields;      // all field lines

  /// Value of the first field of that name, any case; nullopt when absent.
  std::optional<std::string_view> field(std::string_view name) const;
  bool says(std::string_view name,
            std::string_view token) const;  // token anywhere in the value, any case
  std::optional<std::uint64_t> content_length() const;
};

/// nullopt: not complete yet.
std::optional<Head> find_head(std::string_view bytes);

bool iequals(std::string_view a, std::string_view b);
/// Value of `name=` in a query string; empty when absent.
std::string_view query_value(std::string_view query, std::string_view name);
std::uint64_t to_number(std::string_view text, std::uint64_t fallback = 0);

}  // namespace tools
