#include "sluice/core/thread_name.hpp"

#include <pthread.h>

namespace sluice::core {

void name_thread(const char* name) {
  ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace sluice::core
