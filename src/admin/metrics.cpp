#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "admin/handlers.hpp"
#include "sluice/metrics/block.hpp"
#include "sluice/metrics/exposition.hpp"
#include "sluice/policy/asset.hpp"
#include "sluice/policy/retry.hpp"
#include "sluice/policy/split.hpp"

namespace sluice::admin {

namespace {

using control::ServiceView;
using metrics::Exposition;
using metrics::MetricType;

constexpr std::array<std::string_view, metrics::kCodeClasses> kCodes{"1xx", "2xx", "3xx",
                                                                     "4xx", "5xx", "other"};
/// By metrics::PoolLabel. Empty: answered before a pool was chosen.
constexpr std::array<std::string_view, metrics::kPoolLabels> kPools{"blue", "green", ""};

/// Everything that one page is made of. The blocks of all workers are summed on reading.
struct Page {
  const control::Controller& controller;
  const control::StatusView status;
  Exposition out;

  template <typename Read>
  std::uint64_t sum(Read read) const {
    std::uint64_t total = 0;
    for (const model::WorkerPort* worker : controller.workers()) total += read(worker->metrics());
    return total;
  }
  template <typename Read>
  std::uint64_t sum_of(std::size_t service, Read read) const {
    return sum([&](const metrics::Block& block) { return read(block.services[service]); });
  }
  template <typename Write>
  void each_service(Write write) {
    for (std::size_t i = 0; i < status.services.size(); ++i) write(i, status.services[i]);
  }
};

/// The histograms of all workers added up, in the form of the exposition.
struct HistogramSum {
  std::array<std::uint64_t, metrics::Histogram::kBuckets> counts{};
  core::Nanos total{};

  void add(const metrics::Histogram& histogram) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += histogram.in_bucket(i);
    total += histogram.total();
  }
  std::uint64_t count() const { return std::accumulate(counts.begin(), counts.end(), 0ULL); }
};

template <typename Pick>
HistogramSum sum_up(const Page& page, Pick pick) {
  HistogramSum sum;
  for (const model::WorkerPort* worker : page.controller.workers()) {
    sum.add(pick(worker->metrics()));
  }
  return sum;
}

/// Requests by service, pool and code: how many, and how long they took. They are counted once, by
/// their durations.
void write_requests(Page& page) {
  struct Row {
    std::string_view service, pool, code;
    HistogramSum durations;
  };
  std::vector<Row> rows;
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      for (std::size_t code = 0; code < kCodes.size(); ++code) {
        rows.push_back({view.name, kPools[pool], kCodes[code],
                        sum_up(page, [&](const metrics::Block& block) -> const metrics::Histogram& {
                          return block.services[service].durations[pool][code];
                        })});
      }
    }
  });
  for (std::size_t code = 0; code < kCodes.size(); ++code) {
    rows.push_back({"", "", kCodes[code],
                    sum_up(page, [&](const metrics::Block& block) -> const metrics::Histogram& {
                      return block.unmatched[code];
                    })});
  }
  page.out.family({"sluice_requests_total", MetricType::Counter,
                   "Requests answered, by service, pool and class of the status code."});
  for (const Row& row : rows) {
    // The pools' rows are there from the beginning, so that a rate over them begins at zero.
    const std::uint64_t count = row.durations.count();
    if (count == 0 && row.pool.empty()) continue;
    page.out.sample({{"service", row.service}, {"pool", row.pool}, {"code", row.code}}, count);
  }
  page.out.family({"sluice_request_duration_seconds", MetricType::Histogram,
                   "From the whole head of a request to the end of its answer."});
  for (const Row& row : rows) {
    if (row.durations.count() == 0) continue;
    page.out.histogram({{"service", row.service}, {"pool", row.pool}, {"code", row.code}},
                       metrics::Histogram::kBounds, row.durations.counts, row.durations.total);
  }
}

void write_histogram_by_pool(Page& page, std::string_view name, std::string_view help,
                             metrics::PoolHistograms metrics::ServiceCounters::*histograms) {
  page.out.family({name, MetricType::Histogram, help});
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      if (kPools[pool].empty()) continue;
      const HistogramSum sum =
          sum_up(page, [&](const metrics::Block& block) -> const metrics::Histogram& {
            return (block.services[service].*histograms)[pool];
          });
      page.out.histogram({{"service", view.name}, {"pool", kPools[pool]}},
                         metrics::Histogram::kBounds, sum.counts, sum.total);
    }
  });
}

void write_choices(Page& page) {
  page.out.family({"sluice_choices_total", MetricType::Counter,
                   "Pools chosen for requests, by the reason of the choice."});
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      if (kPools[pool].empty()) continue;
      for (std::size_t reason = 0; reason < policy::kReasons; ++reason) {
        const std::uint64_t count = page.sum_of(service, [&](const metrics::ServiceCounters& of) {
          return of.choices[pool][reason].read();
        });
        if (count == 0) continue;
        page.out.sample({{"service", view.name},
                         {"pool", kPools[pool]},
                         {"reason", policy::text(static_cast<policy::Reason>(reason))}},
                        count);
      }
    }
  });
}

void write_identities(Page& page) {
  page.out.family({"sluice_identities_total", MetricType::Counter,
                   "Requests by where the user's identity came from."});
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t i = 0; i < metrics::kIdentityLabels; ++i) {
      const auto label = static_cast<metrics::IdentityLabel>(i);
      const std::uint64_t count = page.sum_of(
          service, [&](const metrics::ServiceCounters& of) { return of.identities[i].read(); });
      if (count == 0 && label != metrics::IdentityLabel::None) continue;
      page.out.sample({{"service", view.name}, {"source", metrics::text(label)}}, count);
    }
  });
}

/// Every cause from the beginning: an alert on one that has not come yet needs its zero.
void write_refusals(Page& page) {
  page.out.family({"sluice_refusals_total", MetricType::Counter,
                   "Requests that Sluice answered itself, by cause."});
  const auto write = [&page](std::string_view service, std::size_t cause, std::uint64_t count) {
    page.out.sample(
        {{"service", service}, {"cause", metrics::text(static_cast<metrics::Refusal>(cause))}},
        count);
  };
  for (std::size_t cause = 0; cause < metrics::kRefusals; ++cause) {
    page.each_service([&](std::size_t service, const ServiceView& view) {
      write(view.name, cause, page.sum_of(service, [&](const metrics::ServiceCounters& of) {
        return of.refusals[cause].read();
      }));
    });
    const std::uint64_t unmatched = page.sum(
        [&](const metrics::Block& block) { return block.unmatched_refusals[cause].read(); });
    if (unmatched != 0) write("", cause, unmatched);
  }
}

using PoolCounters = std::array<metrics::Counter, metrics::kPoolLabels>;

void write_by_pool(Page& page, const metrics::Family& family,
                   PoolCounters metrics::ServiceCounters::*counters) {
  page.out.family(family);
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      if (kPools[pool].empty()) continue;
      page.out.sample({{"service", view.name}, {"pool", kPools[pool]}},
                      page.sum_of(service, [&](const metrics::ServiceCounters& of) {
                        return (of.*counters)[pool].read();
                      }));
    }
  });
}

void write_by_service(Page& page, const metrics::Family& family,
                      metrics::Counter metrics::ServiceCounters::*counter) {
  page.out.family(family);
  page.each_service([&](std::size_t service, const ServiceView& view) {
    page.out.sample({{"service", view.name}},
                    page.sum_of(service, [&](const metrics::ServiceCounters& of) {
                      return (of.*counter).read();
                    }));
  });
}

void write_attempt_failures(Page& page) {
  page.out.family({"sluice_attempt_failures_total", MetricType::Counter,
                   "Attempts that failed, whatever became of the request."});
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      if (kPools[pool].empty()) continue;
      for (const policy::Failure failure : policy::kAllFailures) {
        page.out.sample(
            {{"service", view.name}, {"pool", kPools[pool]}, {"failure", policy::text(failure)}},
            page.sum_of(service, [&](const metrics::ServiceCounters& of) {
              return of.attempt_failures[pool][static_cast<std::size_t>(failure)].read();
            }));
      }
    }
  });
}

void write_asset_rescues(Page& page) {
  page.out.family({"sluice_asset_rescues_total", MetricType::Counter,
                   "404s for a path of rescue.assets, by the pool that had no such file."});
  page.each_service([&](std::size_t service, const ServiceView& view) {
    for (std::size_t pool = 0; pool < kPools.size(); ++pool) {
      if (kPools[pool].empty()) continue;
      for (const policy::AssetOutcome outcome : policy::kAllAssetOutcomes) {
        page.out.sample(
            {{"service", view.name}, {"pool", kPools[pool]}, {"outcome", policy::text(outcome)}},
            page.sum_of(service, [&](const metrics::ServiceCounters& of) {
              return of.asset_rescues[pool][static_cast<std::size_t>(outcome)].read();
            }));
      }
    }
  });
}

void write_total(Page& page, const metrics::Family& family,
                 metrics::Counter metrics::Block::*counter) {
  page.out.family(family);
  page.out.sample(page.sum([&](const metrics::Block& block) { return (block.*counter).read(); }));
}

void write_data_path(Page& page) {
  using Counters = metrics::ServiceCounters;
  using metrics::Block;
  constexpr auto kCounter = MetricType::Counter;
  constexpr auto kGauge = MetricType::Gauge;
  write_requests(page);
  write_choices(page);
  write_identities(page);
  write_refusals(page);
  write_by_pool(page, {"sluice_requests_in_flight", kGauge, "Requests in progress."},
                &Counters::in_flight);
  write_by_pool(page, {"sluice_tunnels_open", kGauge, "Tunnels after an upgrade."},
                &Counters::tunnels);
  write_by_pool(page,
                {"sluice_endpoint_failures_total", kCounter,
                 "Attempts on an endpoint that ended without an answer."},
                &Counters::endpoint_failures);
  write_attempt_failures(page);
  write_by_service(page, {"sluice_retries_total", kCounter, "Requests sent again to their pool."},
                   &Counters::retries);
  write_by_pool(page,
                {"sluice_retries_over_budget_total", kCounter,
                 "Retries that were not made because of the budget."},
                &Counters::retries_over_budget);
  write_by_service(page,
                   {"sluice_rescues_total", kCounter,
                    "Requests that the candidate failed and the live pool answered instead."},
                   &Counters::rescues);
  write_by_pool(page,
                {"sluice_rescues_over_budget_total", kCounter,
                 "Rescues that were not made because of the budget, by the pool that failed."},
                &Counters::rescues_over_budget);
  write_asset_rescues(page);
  write_by_service(page,
                   {"sluice_fallbacks_total", kCounter,
                    "Requests of the candidate that the live pool took over."},
                   &Counters::fallbacks);
  write_by_service(page,
                   {"sluice_breaker_fallbacks_total", kCounter,
                    "Of these, because of a circuit breaker or a ceiling of the candidate."},
                   &Counters::breaker_fallbacks);
  write_by_service(page,
                   {"sluice_identities_too_long_total", kCounter,
                    "Identities that counted as absent for their length."},
                   &Counters::identities_too_long);
  write_by_service(
      page,
      {"sluice_answers_broken_total", kCounter, "Answers that ended before they were complete."},
      &Counters::broken_answers);
  write_by_service(page,
                   {"sluice_requests_cut_total", kCounter, "Requests cut by a drain or a stop."},
                   &Counters::cut_requests);
  write_by_service(page,
                   {"sluice_tunnels_cut_total", kCounter, "Tunnels cut by a drain or a stop."},
                   &Counters::cut_tunnels);
  write_total(page, {"sluice_connections_accepted_total", kCounter, "Client connections."},
              &Block::connections_accepted);
  write_total(page, {"sluice_connections_open", kGauge, "Client connections that are open."},
              &Block::connections_open);
  write_total(page,
              {"sluice_connections_idle", kGauge, "Client connections without a request on them."},
              &Block::connections_idle);
  write_total(page,
              {"sluice_answers_not_taken_total", kCounter,
               "Complete answers whose last bytes the client did not read."},
              &Block::answers_not_taken);
  write_total(page,
              {"sluice_connections_refused_total", kCounter,
               "Client connections closed at once for the limit per address."},
              &Block::connections_refused);
  write_histogram_by_pool(page, "sluice_endpoint_connect_seconds",
                          "From the attempt to connect to the connection.",
                          &Counters::endpoint_connects);
  write_histogram_by_pool(page, "sluice_endpoint_first_byte_seconds",
                          "From the request's head to the head of the endpoint's answer.",
                          &Counters::endpoint_first_bytes);
  write_total(page,
              {"sluice_endpoint_connections_opened_total", kCounter, "Connections to endpoints."},
              &Block::endpoint_connections_opened);
  write_total(page,
              {"sluice_endpoint_connections_reused_total", kCounter,
               "Requests that found an idle connection to an endpoint."},
              &Block::endpoint_connections_reused);
  write_total(page, {"sluice_endpoint_connections_idle", kGauge, "Idle connections to endpoints."},
              &Block::endpoint_connections_idle);
  write_total(page,
              {"sluice_access_log_lines_dropped_total", kCounter,
               "Access-log lines that the writer could not take."},
              &Block::log_lines_dropped);
}

void write_services(Page& page) {
  Exposition& out = page.out;
  out.family({"sluice_service_generation", MetricType::Gauge,
              "Generation of the service's last change of traffic state."});
  page.each_service([&](std::size_t, const ServiceView& view) {
    out.sample({{"service", view.name}}, view.generation.raw);
  });
  out.family({"sluice_live_pool", MetricType::Gauge, "1 for the live pool, 0 for the candidate."});
  page.each_service([&](std::size_t, const ServiceView& view) {
    for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
      out.sample({{"service", view.name}, {"pool", core::text(pool)}}, view.live == pool ? 1 : 0);
    }
  });
  out.family({"sluice_split_ratio", MetricType::Gauge,
              "Share of users that get the candidate, from 0 to 1."});
  page.each_service([&](std::size_t, const ServiceView& view) {
    out.sample_ratio({{"service", view.name}}, view.split.count() / 10'000.0);
  });
  out.family({"sluice_split_observed_ratio", MetricType::Gauge,
              "Share of the requests of the last minute that the split sent to the candidate."});
  page.each_service([&](std::size_t, const ServiceView& view) {
    if (view.observed_split) out.sample_ratio({{"service", view.name}}, *view.observed_split);
  });
  out.family(
      {"sluice_candidate_open", MetricType::Gauge, "1 while pins may select the candidate."});
  page.each_service([&](std::size_t, const ServiceView& view) {
    out.sample({{"service", view.name}}, view.is_candidate_open ? 1 : 0);
  });
}

void write_endpoints(Page& page) {
  using control::EndpointState;
  constexpr std::array kStates{EndpointState::Up, EndpointState::Down, EndpointState::Draining,
                               EndpointState::Disabled};
  const auto each_endpoint = [&page](auto write) {
    page.each_service([&](std::size_t, const ServiceView& view) {
      for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
        for (const control::EndpointView& endpoint : view.pools[core::index(pool)]) {
          write(view.name, core::text(pool), endpoint);
        }
      }
    });
  };
  page.out.family({"sluice_endpoint_state", MetricType::Gauge,
                   "1 for the state that the endpoint is in, 0 for the others."});
  each_endpoint([&](std::string_view service, std::string_view pool, const auto& endpoint) {
    for (const EndpointState state : kStates) {
      page.out.sample({{"service", service},
                       {"pool", pool},
                       {"endpoint", endpoint.address},
                       {"state", control::text(state)}},
                      endpoint.state == state ? 1 : 0);
    }
  });
  page.out.family({"sluice_endpoint_requests_in_flight", MetricType::Gauge,
                   "Requests and tunnels on the endpoint."});
  each_endpoint([&](std::string_view service, std::string_view pool, const auto& endpoint) {
    page.out.sample({{"service", service}, {"pool", pool}, {"endpoint", endpoint.address}},
                    endpoint.in_flight);
  });
}

void write_limits(Page& page) {
  const auto each_limit = [&page](auto write) {
    page.each_service([&](std::size_t, const ServiceView& view) {
      for (const control::LimitView& limit : view.limits) write(view.name, limit);
    });
  };
  const auto each_table = [&](auto count) {
    each_limit([&](std::string_view service, const control::LimitView& limit) {
      for (const control::LimitTableView& table : limit.tables) {
        page.out.sample({{"service", service}, {"limit", limit.name}, {"table", table.name}},
                        count(table));
      }
    });
  };
  const auto each_count = [&](std::uint64_t control::LimitView::*count) {
    each_limit([&](std::string_view service, const control::LimitView& limit) {
      page.out.sample({{"service", service}, {"limit", limit.name}}, limit.*count);
    });
  };
  page.out.family({"sluice_rate_limit_requests_total", MetricType::Counter,
                   "Requests that a rate limit was about, by what it said."});
  each_limit([&](std::string_view service, const control::LimitView& limit) {
    const auto write = [&](std::string_view outcome, std::uint64_t count) {
      page.out.sample({{"service", service}, {"limit", limit.name}, {"outcome", outcome}}, count);
    };
    write("admitted", limit.admitted);
    write("refused", limit.refused);
    write("shadowed", limit.shadowed);
    write("exempt", limit.exempt);
    write("no_key", limit.keyless);
  });
  page.out.family({"sluice_rate_limit_keys", MetricType::Gauge,
                   "Keys that owe something to a rate limit, or have requests in progress."});
  each_table([](const control::LimitTableView& table) { return table.keys; });
  page.out.family({"sluice_rate_limit_places", MetricType::Gauge,
                   "Places for keys in the tables of a rate limit."});
  each_table([](const control::LimitTableView& table) { return table.places; });
  page.out.family({"sluice_rate_limit_evictions_total", MetricType::Counter,
                   "Keys that a full table has forgotten for others."});
  each_count(&control::LimitView::evicted);
  page.out.family({"sluice_rate_limit_uncounted_total", MetricType::Counter,
                   "Requests that found no place among those in progress, and were admitted."});
  each_count(&control::LimitView::uncounted);
}

void write_changes(Page& page) {
  page.out.family({"sluice_changes_total", MetricType::Counter,
                   "Changes of traffic state that were asked for, by kind and result."});
  for (const auto& [row, count] : page.controller.change_counts().rows()) {
    page.out.sample({{"kind", row.first}, {"result", row.second}}, count);
  }
}

void write_drains(Page& page) {
  const auto each_pool = [&page](std::string_view name, std::string_view help, auto count) {
    page.out.family({name, MetricType::Gauge, help});
    page.each_service([&](std::size_t, const ServiceView& view) {
      for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
        std::uint64_t sum = 0;
        for (const control::DrainView& drain : view.drains) {
          if (drain.pool == pool) sum += count(drain);
        }
        page.out.sample({{"service", view.name}, {"pool", core::text(pool)}}, sum);
      }
    });
  };
  each_pool("sluice_drains", "Drains that run.",
            [](const control::DrainView&) -> std::uint64_t { return 1; });
  each_pool("sluice_drain_requests", "Requests that running drains wait for.",
            [](const control::DrainView& drain) -> std::uint64_t { return drain.requests; });
  each_pool("sluice_drain_tunnels", "Tunnels that running drains wait for.",
            [](const control::DrainView& drain) -> std::uint64_t { return drain.tunnels; });
}

void write_process(Page& page, const Context& context) {
  Exposition& out = page.out;
  const auto gauge = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family({name, MetricType::Gauge, help});
    out.sample(value);
  };
  gauge("sluice_generation", "Generation of the traffic state.", page.status.generation.raw);
  gauge("sluice_epoch", "Number of the published snapshot in this process.", page.status.epoch.raw);
  gauge("sluice_state_durable", "1 when the traffic state in force is on the disk.",
        page.status.is_durable ? 1 : 0);
  gauge("sluice_audit_records_waiting", "Audit records that the disk has not taken yet.",
        page.controller.audit_waiting());
  gauge("sluice_ready", "1 when this process may get traffic, as readyz says.",
        std::ranges::all_of(page.controller.readiness(), &control::Check::is_good) ? 1 : 0);
  gauge("sluice_workers", "Worker threads.", page.status.workers);
  gauge("sluice_workers_silent", "Workers whose loop does not turn.",
        page.status.silent_workers.size());
  out.family({"sluice_build_info", MetricType::Gauge, "Always 1; the version is a label."});
  out.sample({{"version", context.version}}, 1);
}

}  // namespace

void get_metrics(const Context& context, const Call&, const Responder& respond) {
  Page page{.controller = context.controller, .status = context.controller.status(), .out = {}};
  write_data_path(page);
  write_services(page);
  write_endpoints(page);
  context.controller.write_health_metrics(page.out);
  context.controller.write_overload_metrics(page.out);
  write_drains(page);
  write_limits(page);
  write_changes(page);
  write_process(page, context);
  if (context.more_metrics) context.more_metrics(page.out);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = page.out.text();
  respond(std::move(response));
}

}  // namespace sluice::admin
