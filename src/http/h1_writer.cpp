#include "sluice/http/h1_writer.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::http {

void HeadWriter::status_line(std::uint16_t status, std::string_view reason) {
  DEBUG_ENSURE(status >= 100 && status <= 999, "a status has three digits");
  const std::array<char, 3> digits{static_cast<char>('0' + status / 100),
                                   static_cast<char>('0' + status / 10 % 10),
                                   static_cast<char>('0' + status % 10)};
  put("HTTP/1.1 ", std::string_view(digits.data(), digits.size()), " ", reason, "\r\n");
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
  const Decimal digits(value);
  put(name, ": ", digits.text(), "\r\n");
}

void HeadWriter::put(std::uint64_t number) {
  put(Decimal(number).text());
}

std::string_view chunk_line(std::size_t size, std::array<char, 20>& out) {
  DEBUG_ENSURE(size > 0, "size 0 is the last chunk");
  char* end = std::to_chars(out.data(), out.data() + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return {out.data(), static_cast<std::size_t>(end - out.data())};
}

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";  // RFC 8470
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";  // RFC 6585
    case 429:
      return "Too Many Requests";  // RFC 6585
    case 431:
      return "Request Header Fields Too Large";  // RFC 6585
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return {};
  }
}

}  // namespace sluice::http
