#pragma once
#include <llhttp.h>

#include <cstddef>

/// llhttp is compiled for every processor, and where cmake/FindLlhttp.cmake has its sources once
/// more for those with SSE4.2, where it passes over names, values and targets sixteen octets at a
/// time.
namespace sluice::http {

/// As llhttp_execute(). All builds run what llhttp_init() has set up.
using LlhttpExecute = llhttp_errno_t (*)(llhttp_t* parser, const char* bytes, std::size_t size);

/// nullptr: not built, or this processor has no SSE4.2.
LlhttpExecute llhttp_for_sse42();

/// The fastest that runs here.
LlhttpExecute best_llhttp();

}  // namespace sluice::http
