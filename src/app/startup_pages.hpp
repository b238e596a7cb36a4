#pragma once

namespace sluice::app {

/// Lets go of the pages of code that only the start has used (YAML, command line, OpenSSL's
/// set-up): half of what the process holds at rest. The kernel maps a page again when its code is
/// called. For the end of a start; does nothing where /proc is not mounted.
void release_startup_pages();

}  // namespace sluice::app
