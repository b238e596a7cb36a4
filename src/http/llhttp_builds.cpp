#include "http/llhttp_builds.hpp"

#if defined(LLHTTP_HAS_SSE42)
extern "C" int llhttp__internal_execute_sse42(llhttp_t* parser, const char* begin, const char* end);
#endif

namespace sluice::http {

LlhttpExecute llhttp_for_sse42() {
#if defined(LLHTTP_HAS_SSE42)
  if (__builtin_cpu_supports("sse4.2")) {
    return [](llhttp_t* parser, const char* bytes, std::size_t size) {
      // All that llhttp_execute() does.
      return static_cast<llhttp_errno_t>(
          llhttp__internal_execute_sse42(parser, bytes, bytes + size));
    };
  }
#endif
  return nullptr;
}

LlhttpExecute best_llhttp() {
  const LlhttpExecute sse42 = llhttp_for_sse42();
  return sse42 != nullptr ? sse42 : llhttp_execute;
}

}  // namespace sluice::http
