#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/catch.hpp"

/// A directory of its own for one test, removed with all in it.
struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
};
