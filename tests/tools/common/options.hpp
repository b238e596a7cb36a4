#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tools {

/// `--name value` and `--flag` pairs of a command line. A mistake ends the program with exit
/// status 2.
class Options {
 public:
  /// `usage` is printed for --help and behind every complaint.
  Options(int argc, char** argv, std::string usage);

  std::string text(const std::string& name, std::string_view fallback);
  std::int64_t number(const std::string& name, std::int64_t fallback);
  double decimal(const std::string& name, double fallback);
  bool flag(const std::string& name);
  /// After the last question: complains about options that nobody asked for.
  void done();

 private:
  [[noreturn]] void complain(const std::string& about) const;

  std::string usage_;
  std::map<std::string, std::string> given_;
};

}  // namespace tools
