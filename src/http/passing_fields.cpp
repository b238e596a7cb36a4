#include "http/passing_fields.hpp"

#include <algorithm>

#include "http/list.hpp"

namespace sluice::http {
namespace {

constexpr FieldIds kForEveryRecipient{FieldId::Host,
                                      FieldId::Cookie,
                                      FieldId::CacheControl,
                                      FieldId::Expect,
                                      FieldId::Date,
                                      FieldId::Via,
                                      FieldId::XForwardedHost,
                                      FieldId::XForwardedProto,
                                      FieldId::XForwardedPrefixed};
constexpr std::array<std::string_view, 6> kForEveryRecipientToo{
    "Authorization", "Set-Cookie", "Content-Type", "Content-Encoding", "Content-Range", "Location"};

/// Options that are no field names, or fields that are judged by themselves.
bool is_read_elsewhere(std::string_view option) {
  return option.empty() || iequals(option, "close") || iequals(option, "keep-alive") ||
         iequals(option, "upgrade") || iequals(option, "te");
}

}  // namespace

void ListedNames::read(const HeaderBlock& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id != FieldId::Connection) continue;
    for_each_element(field.value, [this](std::string_view option) {
      if (!is_read_elsewhere(option) && count_ < names_.size())
        names_[count_++] = {option.data(), option.size()};
    });
  }
}

bool ListedNames::is_listed(const Field& field) const {
  const auto is_this = [&field](std::string_view name) { return iequals(name, field.name); };
  const bool is_named = std::any_of(names_.data(), names_.data() + count_, [&](const Name& name) {
    return is_this({name.at, name.size});
  });
  return is_named && !kForEveryRecipient.has(field.id) &&
         std::none_of(kForEveryRecipientToo.begin(), kForEveryRecipientToo.end(), is_this);
}

void PassingFields::finish() {
  if (begin_ == nullptr) return;
  out_.put(std::string_view(begin_, static_cast<std::size_t>(end_ - begin_)), "\r\n");
  begin_ = end_ = nullptr;
}

void put_values(HeadWriter& out, const HeaderBlock& fields, FieldId id) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id != id || field.value.empty()) continue;
    out.put(field.value, ", ");
  }
}

}  // namespace sluice::http
