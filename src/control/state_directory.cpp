#include "control/state_directory.hpp"

#include "control/state_file.hpp"

namespace sluice::control {

StateDirectory::StateDirectory(std::shared_ptr<FileLayer> files, std::string path,
                               std::uint64_t audit_size_max)
    : files_(std::move(files)),
      path_(std::move(path)),
      state_(in(kStateName)),
      previous_(in("state.json.previous")),
      audit_(*files_, path_, audit_size_max) {}

core::Status StateDirectory::lock() {
  if (core::Status made = files_->make_directory(path_); !made) return made;
  return files_->lock(in("lock"));
}

core::Result<std::optional<StateImage>> StateDirectory::load() {
  const auto size = files_->size(state_);
  if (!size) return size.error();
  if (size->has_value()) {
    auto image = read_image(state_);
    if (!image) return image.error();
    return std::optional<StateImage>(std::move(*image));
  }
  const auto witness = find_witness();
  if (!witness) return witness.error();
  if (witness->empty()) return std::optional<StateImage>();
  return core::Error{core::ErrorCode::Corrupt, state_, "is missing, but " + *witness + " exists"};
}

/// A file that says that there was a state; empty: none.
core::Result<std::string> StateDirectory::find_witness() {
  const auto previous = files_->size(previous_);
  if (!previous) return previous.error();
  if (previous->has_value()) return previous_;
  const auto audit = audit_names(*files_, path_);
  if (!audit) return audit.error();
  return audit->empty() ? std::string() : path_ + "/" + audit->back();
}

core::Result<StateImage> StateDirectory::load_previous() {
  return read_image(previous_);
}

core::Result<StateImage> StateDirectory::read_image(const std::string& file) {
  const auto bytes = files_->read(file, {.offset = 0, .length = kStateFileMax + 1});
  if (!bytes) return bytes.error();
  auto image = bytes->size() > kStateFileMax
                   ? core::Error{core::ErrorCode::Corrupt, file, "is larger than any state"}
                   : decode_state(*bytes);
  if (image) return image;
  core::Error error = image.error();
  error.where = file;
  return error;
}

WriteResult StateDirectory::write(const std::string& bytes, OldState old) {
  if (core::Status written = write_new(bytes); !written) {
    return {.landing = Landing::NotWritten, .error = written.error()};
  }
  if (old == OldState::KeepAsPrevious) {
    if (core::Status kept = keep_as_previous(); !kept) {
      return {.landing = Landing::NotWritten, .error = kept.error()};
    }
  }
  core::Status replaced = files_->rename({.from = state_ + ".new", .to = state_});
  if (replaced) replaced = files_->sync_directory(path_);
  if (!replaced) return {.landing = Landing::Uncertain, .error = replaced.error()};
  return {.landing = Landing::Landed, .error = std::nullopt};
}

core::Status StateDirectory::write_new(const std::string& bytes) {
  auto file = OpenFile::open(*files_, state_ + ".new", OpenMode::Truncate);
  if (!file) return file.error();
  if (core::Status written = file->write(bytes); !written) return written;
  return file->sync();
}

// link() does not replace and rename() moves, so the old file gets a second name under a temporary
// one first.
core::Status StateDirectory::keep_as_previous() {
  const std::string temporary = previous_ + ".new";
  if (core::Status gone = files_->unlink(temporary); !gone) return gone;
  if (core::Status kept = files_->link({.from = state_, .to = temporary}); !kept) return kept;
  return files_->rename({.from = temporary, .to = previous_});
}

}  // namespace sluice::control
