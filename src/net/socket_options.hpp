#pragma once

namespace sluice::net {

/// TCP_NODELAY, and keep-alive probes that find a dead peer after 60 + 3 × 10 seconds (behaviour.md
/// §4). Does nothing on a Unix socket. Accepted sockets inherit all of it from their listener.
void set_stream_options(int fd);
/// Client sockets: the kernel reports room to write only while less than 64 KiB are unsent. Without
/// it one reader that never reads held 4 MiB in the kernel.
void set_unsent_limit(int fd);

}  // namespace sluice::net
