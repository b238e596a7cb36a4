# Headers that nearly every file parses, read once: a fifth of the build time. The `clang` preset builds without, so that each
# file still names what it includes.
option(SLUICE_PCH "Precompiled headers" ON)
set(SLUICE_PCH_HEADERS <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map> <memory> <mutex> <optional>
  <span> <string> <string_view> <utility> <variant> <vector>)

# Targets with the same flags share one (its name is the first one's); a module with a heavy header of its own has its own.
function(sluice_precompile target)
  cmake_parse_arguments(ARG "" "SHARED_BY" "HEADERS" ${ARGN})
  if(NOT SLUICE_PCH)
    return()
  endif()
  get_property(owner GLOBAL PROPERTY sluice_pch_${ARG_SHARED_BY})
  if(ARG_SHARED_BY AND owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${SLUICE_PCH_HEADERS} ${ARG_HEADERS})
    set_property(GLOBAL PROPERTY sluice_pch_${ARG_SHARED_BY} ${target})
  endif()
endfunction()

# sluice_module(NAME DEPS a b PRIVATE_DEPS c SOURCES ... PCH <heavy header> COLD): the library of one folder of src/.
# DEPS are the modules that its headers and sources may use: the architecture as link errors.
# COLD: never on the path of a request, so it is left out of link-time optimisation, and not optimised at all under the
# sanitizers: these modules use the heaviest headers, and compile in half the time then.
function(sluice_module name)
  cmake_parse_arguments(ARG "COLD" "" "DEPS;PRIVATE_DEPS;SOURCES;PCH" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  endif()
  if(ARG_SOURCES)
    add_library(sluice_${name} STATIC ${ARG_SOURCES})
    target_include_directories(sluice_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(sluice_${name} PRIVATE sluice_flags ${ARG_PRIVATE_DEPS} PUBLIC ${ARG_DEPS})
    set(warmth hot)
    if(ARG_COLD)
      set(warmth cold)
      set_target_properties(sluice_${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
      if(SLUICE_SANITIZE)
        target_compile_options(sluice_${name} PRIVATE -O0)
      endif()
    endif()
    if(ARG_PCH)
      string(APPEND warmth _with_json)
    endif()
    sluice_precompile(sluice_${name} SHARED_BY ${warmth} HEADERS ${ARG_PCH})
  else()
    add_library(sluice_${name} INTERFACE)
    target_include_directories(sluice_${name} INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(sluice_${name} INTERFACE ${ARG_DEPS} ${ARG_PRIVATE_DEPS})
  endif()
endfunction()
