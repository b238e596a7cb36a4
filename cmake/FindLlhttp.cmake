# Finds llhttp: Debian 13 and later package the library (libllhttp-dev, 9.x); on Debian 12 the package node-llhttp (8.1.0)
# ships the C sources, which are built here as a static target. LLHTTP_STRICT_MODE=1 must reach every file that sees the
# header as well: in the lenient build `X:\rxTransfer-Encoding: chunked` becomes a Transfer-Encoding field (CVE-2023-30589).
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATH_SUFFIXES llhttp
          HINTS /usr/share/include)
find_library(LLHTTP_LIBRARY llhttp)
find_path(LLHTTP_SOURCE_DIR llhttp.c HINTS /usr/share/llhttp NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
if(LLHTTP_LIBRARY)
  find_package_handle_standard_args(Llhttp REQUIRED_VARS LLHTTP_LIBRARY LLHTTP_INCLUDE_DIR)
  if(Llhttp_FOUND AND NOT TARGET Llhttp::llhttp)
    add_library(Llhttp::llhttp UNKNOWN IMPORTED)
    set_target_properties(Llhttp::llhttp PROPERTIES IMPORTED_LOCATION ${LLHTTP_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${LLHTTP_INCLUDE_DIR})
  endif()
else()
  find_package_handle_standard_args(Llhttp REQUIRED_VARS LLHTTP_SOURCE_DIR LLHTTP_INCLUDE_DIR)
  if(Llhttp_FOUND AND NOT TARGET Llhttp::llhttp)
    add_library(llhttp_from_source STATIC
      ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c)
    target_include_directories(llhttp_from_source SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
    target_compile_definitions(llhttp_from_source PUBLIC LLHTTP_STRICT_MODE=1)
    add_library(Llhttp::llhttp ALIAS llhttp_from_source)

    # The parser once more for processors with SSE4.2 (src/http/llhttp_builds.hpp chooses at run time). What it defines
    # gets other names: llhttp__internal_execute_sse42 and so on.
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
      file(STRINGS ${LLHTTP_SOURCE_DIR}/llhttp.c definitions REGEX "^(int|void) llhttp__internal_")
      list(TRANSFORM definitions REPLACE "^[a-z]+ (llhttp__internal_[a-z0-9_]+).*" "\\1=\\1_sse42")
      list(REMOVE_DUPLICATES definitions)
      add_library(llhttp_sse42 OBJECT ${LLHTTP_SOURCE_DIR}/llhttp.c)
      target_compile_options(llhttp_sse42 PRIVATE -msse4.2)
      target_compile_definitions(llhttp_sse42 PRIVATE LLHTTP_STRICT_MODE=1 ${definitions})
      target_include_directories(llhttp_sse42 SYSTEM PRIVATE ${LLHTTP_INCLUDE_DIR})
      target_sources(llhttp_from_source PRIVATE $<TARGET_OBJECTS:llhttp_sse42>)
      target_compile_definitions(llhttp_from_source INTERFACE LLHTTP_HAS_SSE42=1)
    endif()
  endif()
endif()
mark_as_advanced(LLHTTP_INCLUDE_DIR LLHTTP_LIBRARY LLHTTP_SOURCE_DIR)
