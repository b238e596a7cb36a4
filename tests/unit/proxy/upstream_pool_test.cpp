#include "proxy/upstream_pool.hpp"

#include "support/catch.hpp"
#include "worker_scene.hpp"

using namespace proxy_test;

TEST_CASE("upstream pool: an endpoint is remembered as long as there is a connection to it",
          "[proxy][upstream]") {
  Scene scene;
  CHECK(scene.pool.take_idle(EndpointId{7}) == nullptr);
  CHECK(scene.pool.endpoints() == 0);
  proxy::H1Upstream& first = scene.open(EndpointId{7});
  proxy::H1Upstream& second = scene.open(EndpointId{7});
  proxy::H1Upstream& other = scene.open(EndpointId{8});
  CHECK(scene.pool.endpoints() == 2);
  first.abort();
  other.abort();
  scene.turn();
  CHECK(scene.pool.endpoints() == 1);
  CHECK(scene.pool.in_use() == 1);
  second.abort();
  scene.turn();
  CHECK(scene.pool.endpoints() == 0);
  CHECK(scene.pool.in_use() == 0);
}

TEST_CASE("upstream pool: what is recycled is not used again, what is new is",
          "[proxy][upstream]") {
  Scene scene;
  struct Nobody final : proxy::UpstreamEvents {
    void on_response_head(const http::ResponseHead&) override {}
    void on_response_body(std::string_view) override {}
    void on_response_end(const http::HeaderBlock*) override { has_ended = true; }
    void on_upstream_lost(proxy::UpstreamLoss, std::string_view) override {}
    void on_response_flushed() override {}
    void on_upstream_drained() override {}
    void on_upstream_deadline() override {}
    bool has_ended = false;
  };
  const auto answer = [&](proxy::H1Upstream& upstream) {
    Nobody nobody;
    upstream.attach(nobody);
    upstream.finish(nullptr);
    upstream.on_read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(nobody.has_ended);
    upstream.release();
    scene.turn();
  };
  proxy::H1Upstream& idle = scene.open(EndpointId{7});
  proxy::H1Upstream& working = scene.open(EndpointId{7});
  proxy::H1Upstream& other = scene.open(EndpointId{8});
  answer(idle);
  answer(other);
  scene.pool.recycle(EndpointId{7});
  scene.pool.recycle(EndpointId{9});  // to which there is none
  scene.turn();
  CHECK(scene.pool.take_idle(EndpointId{7}) == nullptr);
  answer(working);
  CHECK(scene.pool.take_idle(EndpointId{7}) == nullptr);
  CHECK(scene.pool.take_idle(EndpointId{8}) == &other);
  other.abort();
  proxy::H1Upstream& fresh = scene.open(EndpointId{7});
  answer(fresh);
  CHECK(scene.pool.take_idle(EndpointId{7}) == &fresh);
  fresh.abort();
  scene.turn();
}

TEST_CASE("upstream pool: endpoints that come and go for months leave nothing behind",
          "[proxy][upstream]") {
  Scene scene;
  std::size_t most = 0;
  for (std::uint64_t id = 1; id <= 100'000; ++id) {
    scene.open(EndpointId{id << 20U}).abort();
    most = std::max(most, scene.pool.endpoints());
    scene.turn();
    scene.transports.clear();
  }
  CHECK(most == 1);
  CHECK(scene.pool.endpoints() == 0);
}
