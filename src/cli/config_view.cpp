#include "cli/config_view.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

namespace sluice::cli {
namespace {

std::string note(const config::Service& wanted, const nlohmann::json& saved) {
  const std::string live = saved.value("live", "");
  const unsigned split = saved.value("split_basis_points", 0U);
  const std::string salt = saved.value("salt", "");
  if (live == core::text(wanted.initial_live) && split == wanted.initial_split.count() &&
      salt == wanted.salt)
    return "";
  const auto percent = core::BasisPoints::make(split, "split");
  return fmt::format(
      "note: {}: the saved state rules: live {}, split {}, salt {}; `initial` and `salt` of the "
      "file do not count\n",
      wanted.name, live, percent ? percent->percent() : "?", salt);
}

}  // namespace

std::string state_notes(const config::Config& config) {
  std::ifstream file(config.state_dir + "/state.json");
  std::stringstream bytes;
  bytes << file.rdbuf();
  std::string notes;
  try {
    const auto state = nlohmann::json::parse(bytes.str());
    for (const auto& saved : state.at("services")) {
      for (const config::Service& wanted : config.services) {
        if (saved.value("name", "") == wanted.name) notes += note(wanted, saved);
      }
    }
  } catch (const nlohmann::json::exception&) {
    return "";  // no state yet, or one that `run` will judge
  }
  return notes;
}

}  // namespace sluice::cli
