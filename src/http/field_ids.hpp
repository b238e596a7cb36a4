#pragma once
#include <cstdint>
#include <initializer_list>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// A set of field ids, as one word.
class FieldIds {
 public:
  constexpr FieldIds() = default;
  constexpr FieldIds(std::initializer_list<FieldId> ids) {
    for (const FieldId id : ids) add(id);
  }
  constexpr void add(FieldId id) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(id); }
  constexpr void add(FieldIds ids) { bits_ |= ids.bits_; }
  constexpr bool has(FieldId id) const { return (bits_ >> static_cast<unsigned>(id) & 1U) != 0; }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace sluice::http
