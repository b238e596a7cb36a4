#pragma once
#include <cstddef>
#include <new>
#include <utility>

namespace sluice::net {

/// Free list for objects of one type, so that a steady request allocates nothing. Keeps at most
/// kKeptMax free places. Sanitizer builds keep none, so that misuse is seen. Not thread-safe. All
/// objects must be destroyed before the slab.
template <typename T>
class Slab {
 public:
  static constexpr std::size_t kKeptMax = 256;

  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    while (free_ != nullptr)
      ::operator delete (std::exchange(free_, free_->next), std::align_val_t{kAlign});
  }

  template <typename... Args>
  T* make(Args&&... args) {
    void* place = free_ != nullptr ? take_free() : ::operator new (kSize, std::align_val_t{kAlign});
    ++in_use_;
    return ::new (place) T(std::forward<Args>(args)...);
  }
  void destroy(T* object) {
    object->~T();
    --in_use_;
#ifdef SLUICE_SANITIZED
    ::operator delete (static_cast<void*>(object), std::align_val_t{kAlign});
#else
    if (kept_ == kKeptMax) {
      ::operator delete (static_cast<void*>(object), std::align_val_t{kAlign});
      return;
    }
    ++kept_;
    free_ = ::new (static_cast<void*>(object)) Free{free_};
#endif
  }
  std::size_t in_use() const {
    return in_use_;
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kSize = sizeof(T) > sizeof(Free) ? sizeof(T) : sizeof(Free);
  static constexpr std::size_t kAlign = alignof(T) > alignof(Free) ? alignof(T) : alignof(Free);

  void* take_free() {
    --kept_;
    return std::exchange(free_, free_->next);
  }

  Free* free_ = nullptr;
  std::size_t kept_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace sluice::net
