#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"

namespace sluice::test {

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
  std::string in(const std::string& name) const { return path + "/" + name; }
  /// Writes a file anew; returns its path.
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(in(name), std::ios::binary) << text;
    return in(name);
  }
  std::string path;
};

}  // namespace sluice::test
