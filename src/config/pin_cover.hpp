#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/reader.hpp"
#include "sluice/config/schema.hpp"

namespace sluice::config {

/// Finds pins that no request can reach, because an earlier one takes all of theirs or because no
/// request of the service is like that. Compares each pin with each earlier one: what several take
/// together is not seen.
class PinCover {
 public:
  /// `service` without its pins; outlives this.
  PinCover(Reader& in, const Service& service) : in_(in), service_(service) {}

  /// In file order. Reports `pin`, which stands at `node`, when it can't be reached.
  void add(const model::Pin& pin, const Node& node);

 private:
  struct Field {
    model::ValuePin::Field where = model::ValuePin::Field::Header;
    std::string name;  // of a header in lower case
    std::string value;
    friend auto operator<=>(const Field&, const Field&) = default;
  };
  /// What a request must meet; what is absent holds for all.
  struct Rule {
    std::optional<Field> field;
    std::optional<std::string> path_prefix;
    std::optional<model::ClientSet> clients;
    std::optional<model::SegmentPin::Share> share;
    std::optional<std::size_t> list;
    int line = 0;
  };

  static Field field_of(model::ValuePin::Field where, const std::string& name, std::string value);
  static bool covers(const Rule& rule, const Rule& other);
  Rule rule_of(const model::SegmentPin& pin) const;
  void check(const Rule& rule, Place at, const std::string& label);
  const Rule* taker_of(const Rule& rule) const;

  Reader& in_;
  const Service& service_;
  std::map<Field, std::vector<Rule>> by_field_;  // those of values
  std::vector<Rule> others_;
};

}  // namespace sluice::config
