#pragma once
#include "net/descriptor_reserve.hpp"
#include "net/event_loop.hpp"
#include "sluice/metrics/exposition.hpp"

namespace sluice::app {

/// The families `process_*` that Prometheus expects of every process: CPU, memory, descriptors,
/// start. Reads /proc, with descriptors that it may make by `use`; a value that can't be read is
/// left out. Control thread.
void write_process_metrics(metrics::Exposition& out, const net::DescriptorUse& use);

/// One loop's samples of the family `sluice_loop_turn_seconds`.
void write_turn_times(metrics::Exposition& out, std::string_view loop, const net::TurnTimes& times);

}  // namespace sluice::app
