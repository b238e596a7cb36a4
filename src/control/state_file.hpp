#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "control/change_record.hpp"
#include "sluice/core/result.hpp"

/// The text of state.json and of audit records. Pure: bytes and values, no files.
namespace sluice::control {

inline constexpr int kStateVersion = 1;
inline constexpr std::string_view kStateName = "state.json";
/// 1,024 services with names and salts of the greatest length stay far below it.
inline constexpr std::size_t kStateFileMax = 16 * 1024 * 1024;

/// Indented JSON that begins with `version` and `checksum`. The checksum is the SHA-256 of the
/// whole file with the 64 digits of the checksum itself replaced by zeros, so every byte counts.
/// Errors: BadInput when the text could not be read back as the same state (a name or salt that is
/// not UTF-8).
core::Result<std::string> encode_state(const StateImage& image);
/// Errors: Corrupt for anything that encode_state() did not write, an unknown version included.
core::Result<StateImage> decode_state(std::string_view bytes);

/// One JSON object without line breaks.
std::string encode_record(const ChangeRecord& record);
/// The record in a line of the audit; nullopt when it is none.
std::optional<ChangeRecord> decode_record(std::string_view line);
/// `generation` of a JSON object; nullopt when there is none.
std::optional<core::Generation> generation_of(std::string_view record);

}  // namespace sluice::control
