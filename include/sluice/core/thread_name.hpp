#pragma once

namespace sluice::core {

/// Names the calling thread for ps, top -H and debuggers. At most 15 characters.
void name_thread(const char* name);

}  // namespace sluice::core
