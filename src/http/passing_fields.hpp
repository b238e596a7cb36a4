#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "http/field_ids.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/h1_writer.hpp"
#include "sluice/http/message.hpp"

/// What requests and responses share when their fields are sent on.
namespace sluice::http {

/// Names that the Connection fields list: they concern this hop only (RFC 9110 §7.6.1). Fields that
/// are meant for every recipient can't be listed away: a client could else take the Cookie or the
/// Authorization from a request.
class ListedNames {
 public:
  explicit ListedNames(const HeaderBlock& fields) {
    if (fields.has(FieldId::Connection)) read(fields);
  }
  bool has(const Field& field) const { return count_ > 0 && is_listed(field); }

 private:
  void read(const HeaderBlock& fields);
  bool is_listed(const Field& field) const;

  std::size_t count_ = 0;
  struct Name {  // no string_view: its constructor would clear 512 bytes for each message
    const char* at;
    std::size_t size;
  };
  std::array<Name, core::limits::kConnectionOptionsMax> names_;  // only the first count_ are set
};

/// Writes field lines as `Name: value`. Lines that were received in just this form and follow each
/// other are copied in one piece: the bytes are the same as written one by one, at a tenth of the
/// instructions.
class PassingFields {
 public:
  explicit PassingFields(HeadWriter& out) : out_(out) {}
  void pass(const Field& field) {
    if (!is_as_written(field)) {
      finish();
      out_.field(field.name, field.value);
      return;
    }
    if (!continues(field)) {
      finish();
      begin_ = field.name.data();
    }
    end_ = field.value.data() + field.value.size();
  }
  /// Writes what is still held back. Call once behind the last field.
  void finish();

 private:
  static bool is_as_written(const Field& field) {
    const char* const separator = field.name.data() + field.name.size();
    return field.value.data() == separator + 2 && !field.value.empty() && separator[0] == ':' &&
           separator[1] == ' ';
  }
  bool continues(const Field& field) const {
    return begin_ != nullptr && field.name.data() == end_ + 2 && end_[0] == '\r' && end_[1] == '\n';
  }

  HeadWriter& out_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

/// The values of all lines with this id, empty ones left out, each followed by ", ": more is to
/// come.
void put_values(HeadWriter& out, const HeaderBlock& fields, FieldId id);

}  // namespace sluice::http
