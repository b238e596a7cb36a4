// Text: variables, what is no YAML, syntax.
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("wrong configuration: variables", "[config][wrong]") {
  const std::array<Wrong, 7> table{{
      {"state_dir: ${NOPE}\n",
       "sluice.yaml:8:12: ${NOPE} is not set, expected a value in the environment or a default: "
       "${NOPE:-default}"},
      {"state_dir: ${}\n",
       "sluice.yaml:8:12: '${}' names no variable, expected ${NAME} or ${NAME:-default}; $$ is a "
       "dollar sign"},
      {"state_dir: ${1A}\n",
       "sluice.yaml:8:12: '${1A}' names no variable, expected ${NAME} or ${NAME:-default}; $$ is a "
       "dollar sign"},
      {"state_dir: /a/${NAME\n",
       "sluice.yaml:8:12: '${NAME' has no '}', expected ${NAME}; $$ is a dollar sign"},
      {"workers: ${NOPE}\n",
       "sluice.yaml:8:10: ${NOPE} is not set, expected a value in the environment or a default: "
       "${NOPE:-default}"},
      {"workers: ${WORD}\n",
       "sluice.yaml:8:10: 'workers' is 'word', expected auto or a number from 1 to 64"},
      {"state_dir: ${BELL}\n",
       "sluice.yaml:8:12: the value of ${BELL} is not printable text, expected "
       "one line without control characters"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: variables leave the structure as it is", "[config][wrong]") {
  const std::array<Wrong, 9> table{{
      {"state_dir: ${TWO_LINES}\n",
       "sluice.yaml:8:12: the value of ${TWO_LINES} is not printable text, expected "
       "one line without control characters"},
      {"admin: ${MAP}\n",
       "sluice.yaml:8:8: 'admin' is '{socket: {path: /x}}', expected a map with 'socket' and "
       "'http'"},
      {"trusted_proxies: ${LIST}\n",
       "sluice.yaml:8:18: 'trusted_proxies' is '[10.0.0.0/8]', expected a list of networks such as "
       "10.0.0.0/8"},
      {"trusted_proxies: [\"${PAIR}\"]\n",
       "sluice.yaml:8:19: '10.0.0.0/8, 192.0.2.1' in 'trusted_proxies', expected a network such as "
       "10.0.0.0/8, an address, or unix:"},
      {"workers: ${COMMENT}\n",
       "sluice.yaml:8:10: 'workers' is '2 # two', expected auto or a number from 1 to 64"},
      {"    salt: ${EMPTY}\n",
       "sluice.yaml:8:11: 'salt' is '', expected text of 1 to 256 bytes without control "
       "characters"},
      {"    salt: ${EMPTY:-}\n",
       "sluice.yaml:8:11: 'salt' is '', expected text of 1 to 256 bytes without control "
       "characters"},
      {"${WORD}: 1\n",
       "sluice.yaml:8:1: unknown key '${WORD}' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services"},
      // What a variable brings is not looked through again.
      {"workers: ${NESTED}\n",
       "sluice.yaml:8:10: 'workers' is '${WORD}', expected auto or a number from 1 to 64"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: what is no text, or no plain YAML", "[config][wrong]") {
  using namespace std::string_literals;
  const std::array<Wrong, 9> table{{
      {"\x7F"
       "ELF\x02\x01\x01\0\0"s,
       "sluice.yaml:1:1: syntax error: control character 0x7F, expected printable text"},
      {"a: 1\nb: \0\n"s,
       "sluice.yaml:2:4: syntax error: control character 0x00, expected printable text"},
      {"\xFF\xFEl\0i\0"s,
       "sluice.yaml:1:1: syntax error: byte 0xFF is not UTF-8, expected UTF-8 text"},
      {"\xEF\xBB\xBF",
       "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"\xEF\xBB\xBF"
       "lisseners: []\nservices: []\n",
       "sluice.yaml:1:1: unknown key 'lisseners' in the file, did you mean 'listeners'?\n"
       "sluice.yaml:1:1: 'listeners' is missing in the file, expected a list of 1 to 64 listeners\n"
       "sluice.yaml:2:11: 'services' has 0 items, expected a list of 1 to 1024 services"},
      {"a: !!int 5\n",
       "sluice.yaml:1:4: syntax error: a tag (!), expected plain values; quote a value that begins "
       "with '!'"},
      {"%YAML 1.2\n---\na: &x 1\nb: *y\n",
       "sluice.yaml:4:4: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'"},
      {std::string(33, '[') + std::string(33, ']'),
       "sluice.yaml:1:33: syntax error: nested too deep, expected at most 32 levels"},
      {"a: |\n  text\n b: 1\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: rarer syntax", "[config][wrong]") {
  const std::array<Wrong, 19> table{{
      {"a: \"C:\\logs\"\n",
       "sluice.yaml:1:9: syntax error: a '\\' that begins no escape in double quotes, expected "
       "'\\\\' or single quotes"},
      {"a: \"\\xZZ\"\n",
       "sluice.yaml:1:9: syntax error: an escape that is no hexadecimal number, expected \\x41 or "
       "single quotes"},
      {"a: \"\\uD800\"\n",
       "sluice.yaml:1:11: syntax error: an escape that is no character, expected another one"},
      {"a: 1\nb: ]\n",
       "sluice.yaml:2:4: syntax error: a ']' or '}' that closes nothing here, expected '[' or '{' "
       "before it, or quotes around the value"},
      {"a: &x &y 1\n",
       "sluice.yaml:1:7: syntax error: two anchors (&) before one value, expected one"},
      {"a: &\n", "sluice.yaml:1:5: syntax error: a '&' alone, expected quotes around it"},
      {"a: *\n", "sluice.yaml:1:5: syntax error: a '*' alone, expected quotes around it"},
      {"a: &x[ 1\n",
       "sluice.yaml:1:6: syntax error: a character that no anchor (&) or alias (*) can have, "
       "expected quotes around the value"},
      {"a: \"x\n---\nb\"\n",
       "sluice.yaml:2:1: syntax error: '---' or '...' inside quotes, expected the end of the "
       "quotes "
       "before it"},
      {"a: |x\n  b\n",
       "sluice.yaml:1:5: syntax error: text behind '|' or '>', expected it in the next line, "
       "indented"},
      {"a: |0\n  b\n", "sluice.yaml:1:6: syntax error: a 0 behind '|' or '>', expected 1 to 9"},
      {"%YAML 2.0\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"%YAML 1.2 3\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"%YAML x\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"a: - b\n",
       "sluice.yaml:1:4: syntax error: a '-' where no list can stand, expected another "
       "indentation"},
      {"a:\n  - b\n c\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
      {"services:\n  - name: a\n   pools: {}\n",
       "sluice.yaml:3:4: syntax error: text that belongs to nothing, expected '- value' at the "
       "indentation of those above"},
      {"services:\n  - name:shop\n    pools: {}\n",
       "sluice.yaml:3:10: syntax error: a ':' where none can stand, expected another indentation "
       "or "
       "quotes around the value; write a space behind 'key:'"},
      {"a: `x`\n",
       "sluice.yaml:1:4: syntax error: a character that no value can begin with, expected quotes "
       "around the value"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: syntax", "[config][wrong]") {
  const std::array<Wrong, 25> table{{
      {"", "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"# nothing\n",
       "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"---\n",
       "sluice.yaml:2:1: 'the file' is empty, expected a map with 'listeners' and 'services'"},
      {"listeners\n",
       "sluice.yaml:1:1: 'the file' is 'listeners', expected a map with 'listeners' and "
       "'services'"},
      {"[]\n",
       "sluice.yaml:1:1: 'the file' is an empty list, expected a map with 'listeners' and "
       "'services'"},
      {"a: 1\n---\nb: 2\n",
       "sluice.yaml:2:1: syntax error: a second document begins, expected one per file"},
      {"a: 1\n...\nb: 2\n",
       "sluice.yaml:3:1: syntax error: a second document begins, expected one per file"},
      {"a:\n\tb: 1\n", "sluice.yaml:2:1: syntax error: a tab in the indentation, expected spaces"},
      {"a: \"x\nb: 2\n",
       "sluice.yaml:1:4: syntax error: a quote that is never closed, "
       "expected the same one at the end of the value"},
      {"a: 'it''s\n",
       "sluice.yaml:1:4: syntax error: a quote that is never closed, "
       "expected the same one at the end of the value"},
      {"a: b: c\n",
       "sluice.yaml:1:5: syntax error: a ':' where none can stand, expected another indentation or "
       "quotes around the value"},
      {"a: [1\nb: 2\n",
       "sluice.yaml:2:2: syntax error: a '[' that is not closed here, expected ',' or ']'"},
      {"a: {b: 1\n",
       "sluice.yaml:2:1: syntax error: a '{' that is not closed here, expected ',' or '}'"},
      {"a:\n  - b\n c: 1\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
      {"a: @x\n",
       "sluice.yaml:1:4: syntax error: a character that no value can begin with, expected quotes "
       "around the value"},
      {"a: !secret x\n",
       "sluice.yaml:1:4: syntax error: a tag (!), expected plain values; quote a value that begins "
       "with '!'"},
      {"? [a]\n: b\n",
       "sluice.yaml:1:3: syntax error: a key that is not a word, expected 'name: value'"},
      {"~: 1\n", "sluice.yaml:1:1: syntax error: a key that is not a word, expected 'name: value'"},
      {"a: &x [*x]\n",
       "sluice.yaml:1:8: syntax error: an alias inside what it names, expected an anchor before "
       "it"},
      {"*a : 1\n",
       "sluice.yaml:1:1: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'"},
      {"a: 1\nhosts: [*.example.com]\n",
       "sluice.yaml:2:9: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'; write a "
       "wildcard host in quotes: \"*.example.com\""},
      {"bind: [::1]:8080\n",
       "sluice.yaml:1:12: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above; write an IPv6 address in quotes: \"[::1]:8080\""},
      {"path: [${HOME}]\n",
       "sluice.yaml:1:9: syntax error: a '[' that is not closed here, expected ',' or ']'; inside "
       "{} and [] write \"${NAME}\" in quotes"},
      {"a: {path: ${HOME}}\n",
       "sluice.yaml:1:12: syntax error: a '{' that is not closed here, expected ',' or '}'; inside "
       "{} and [] write \"${NAME}\" in quotes"},
      {"é: [b\n",
       "sluice.yaml:2:1: syntax error: a '[' that is not closed here, expected ',' or ']'"},
  }};
  check_whole(table);
}
