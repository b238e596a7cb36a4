#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound in the program, each with its reason. Defaults that users can change are in
/// config/schema.hpp; what stands here is either fixed or the most that a configuration may ask
/// for.
namespace sluice::core::limits {

/// Unit of buffering per worker. A request head never spans two chunks, so views into it stay
/// valid.
inline constexpr std::size_t kChunkSize = 16 * 1024;
/// Most that `limits.header_bytes` may be: one chunk.
inline constexpr std::size_t kRequestHeadMax = 16 * 1024;
static_assert(kRequestHeadMax <= kChunkSize);
/// One recv never brings more: the shared read buffer of a loop. 64 KiB needs 37 calls per MiB, 16
/// KiB 140 (performance.md).
inline constexpr std::size_t kReadBufferSize = 64 * 1024;
/// Response heads can be large (cookies, policies) and are parsed in the read buffer when they come
/// in one piece.
inline constexpr std::size_t kResponseHeadMax = 64 * 1024;
static_assert(kResponseHeadMax <= kReadBufferSize);
/// Field lines of one head; offsets are 16 bit.
inline constexpr std::size_t kFieldCountMax = 128;
static_assert(kResponseHeadMax <= 65'536 && kRequestHeadMax <= 65'536);
/// Most that `limits.target_bytes` may be.
inline constexpr std::size_t kTargetMax = 15 * 1024;
static_assert(kTargetMax < kRequestHeadMax);
/// What Sluice may add to a head that it sends on: forwarding fields, Via, ids, a minted cookie,
/// exposed fields.
inline constexpr std::size_t kHeadAdditionsMax = 8 * 1024;
/// Trailer section of a chunked message, whole.
inline constexpr std::size_t kTrailersMax = 8 * 1024;
/// One chunk-size line with its extensions (dropped).
inline constexpr std::size_t kChunkLineMax = 4 * 1024;
/// Chunk extensions of one body, all chunks together: without it a sender of one-byte chunks makes
/// a reader move 4 KiB for each of them (CVE-2023-39326).
inline constexpr std::size_t kChunkExtensionsMax = 16 * 1024;
/// Names that the Connection fields of one head may list, beside close, keep-alive and upgrade:
/// each is compared with each field when the head is sent on.
inline constexpr unsigned kConnectionOptionsMax = 32;
/// Informational answers (1xx) before the final one; a flood is a 502.
inline constexpr unsigned kInformationalMax = 8;

/// Backpressure per direction: pause the source above, resume below.
inline constexpr std::size_t kHighWatermark = 64 * 1024;
inline constexpr std::size_t kLowWatermark = 32 * 1024;
static_assert(kLowWatermark * 2 <= kHighWatermark);
/// A request body held back for one retry, or until a connection stands.
inline constexpr std::size_t kReplayBodyMax = 64 * 1024;

/// A configuration: 1,024 services of 100 keys are a third of each. Depth is what the file format
/// needs (7) with room for anchors; the YAML parser recurses, so hostile text must not choose it.
inline constexpr std::size_t kConfigFileMax = 4 * 1024 * 1024;
inline constexpr std::size_t kConfigNodesMax = 300'000;
inline constexpr std::size_t kConfigDepthMax = 32;
/// Names of services, listeners, cookies, headers and query parameters.
inline constexpr std::size_t kNameMax = 64;
/// RFC 1035 §2.3.4: 255 octets on the wire are 253 characters.
inline constexpr std::size_t kHostNameMax = 253;

/// Octets of an identity; longer ones count as absent (behaviour.md §2).
inline constexpr std::size_t kIdentityMax = 1024;
inline constexpr std::size_t kSaltMax = 256;
inline constexpr std::size_t kServicesMax = 1024;
inline constexpr std::size_t kEndpointsPerPoolMax = 256;
inline constexpr std::size_t kListenersMax = 64;
inline constexpr std::size_t kWorkersMax = 64;
/// Pins of one service, and values of one pin: a request that none of them takes is compared with
/// all of them.
inline constexpr std::size_t kPinsPerServiceMax = 256;
inline constexpr std::size_t kPinValuesMax = 256;
/// The window of a circuit breaker in seconds, each of which is a word, and its probes, of which a
/// word holds so many.
inline constexpr std::size_t kBreakerWindowMax = 10;
inline constexpr std::uint32_t kBreakerProbesMax = 63;
/// How often breakers are held open for what they depend on; below the shortest `open_for`, so that
/// none lapses in between.
inline constexpr std::chrono::milliseconds kBreakerHoldEvery{500};
/// Paths with breakers of their own: each request is compared with them.
inline constexpr std::size_t kRoutesPerServiceMax = 64;
/// It is written with its head in one piece.
inline constexpr std::size_t kBreakerPageMax = 8 * 1024;
/// Rate limits of one service: each request is compared with all of them, and an answer names those
/// that apply in fields that must fit its head.
inline constexpr std::size_t kRateLimitsPerServiceMax = 16;
/// Parts of one key, methods of one match, and leading segments of a path in a key.
inline constexpr std::size_t kLimitKeyPartsMax = 4;
inline constexpr std::size_t kLimitMethodsMax = 16;
inline constexpr std::size_t kLimitSegmentsMax = 8;
/// Limits of one service that bound requests in flight: what a request holds of them has a fixed
/// place in it.
inline constexpr std::size_t kInFlightLimitsMax = 4;
/// The tables of all limits together.
inline constexpr std::size_t kLimitTablesMax = 1024 * 1024 * 1024;
/// Requests per period, and at once, of one key.
inline constexpr std::uint32_t kRateMax = 1'000'000;
/// Keys that the table of one limit is made for: 64 MiB at most.
inline constexpr std::size_t kLimitKeysLeast = 64;
inline constexpr std::size_t kLimitKeysMax = 4 * 1024 * 1024;

/// A file of identities: seven million of 36 octets. While it is read it is in memory twice.
inline constexpr std::size_t kIdentityFileMax = 256 * 1024 * 1024;
static_assert(kIdentityFileMax < UINT32_MAX / 2);  // offsets are 32 bit
/// How often such files are looked at. A new one is read when two looks in a row find it alike, so
/// that one is not read while it is written.
inline constexpr std::chrono::milliseconds kFileLook{1000};
/// One that is different at each look is replaced all the time; then it is read as it is.
inline constexpr unsigned kFileLooksMax = 10;
/// The longest pause, in looks, before a file that could not be read is tried again.
inline constexpr unsigned kFileRetryLooksMax = 64;

/// accept4 calls per readiness event: the loop must turn also in a connection storm (nghttpx).
inline constexpr unsigned kAcceptsPerEvent = 16;
inline constexpr int kListenBacklog = 4096;
/// How long a listener rests after EMFILE, ENFILE, ENOBUFS or ENOMEM.
inline constexpr std::chrono::milliseconds kAcceptPause{100};

/// Endpoint names are looked up again so long after an answer, and after a failure (behaviour.md
/// §4). How long a start waits for the first answers: a resolver that is down must not keep the
/// rest of the services down.
inline constexpr std::chrono::milliseconds kResolveEvery{30'000};
inline constexpr std::chrono::milliseconds kResolveRetry{10'000};
inline constexpr std::chrono::milliseconds kResolveAtStart{2000};
/// Look-ups at once: each blocks a thread, for half a minute when the resolver is silent. So many
/// that names whose server is silent do not keep the others waiting.
inline constexpr std::size_t kLookupsMax = 128;

/// Idle endpoint connections that one worker keeps per endpoint.
inline constexpr std::size_t kIdlePerEndpointMax = 128;
/// How often an idle one looks whether another worker has found its pool or its endpoint full.
inline constexpr std::chrono::milliseconds kIdleLook{250};

/// Lingering close after an answer that ends a connection while input may still come (behaviour.md
/// §4).
inline constexpr std::size_t kLingerBytesMax = 256 * 1024;
inline constexpr std::chrono::milliseconds kLingerTimeMax{1000};
/// A 100-continue that does not come: the body is sent after this.
inline constexpr std::chrono::milliseconds kExpectWait{1000};
/// A request that tries a breaker gives up its place when its body takes longer: it is the client
/// that is slow, and the pool that others wait for.
inline constexpr std::chrono::milliseconds kProbeUploadMax{1000};
/// At the connection limit, keep-alive connections idle for longer are closed first.
inline constexpr std::chrono::milliseconds kIdleEvictionAge{1000};
/// When memory runs out, so many of these are closed at each look of each worker: the loop must
/// turn.
inline constexpr unsigned kIdleLetGoMax = 256;
/// How often memory and the loops are looked at, and how often when one of them is not far from a
/// mark: answers that nobody reads fill 5 MB of buffers in the shorter time.
inline constexpr std::chrono::milliseconds kOverloadLook{100};
inline constexpr std::chrono::milliseconds kOverloadLookFast{50};
/// How often the limit of a pool follows its latency.
inline constexpr std::chrono::milliseconds kAdaptiveLook{100};
/// While memory is high, what the heap holds and nobody uses is given back to the kernel so often,
/// as long as that gains something: it looks through all of it.
inline constexpr std::chrono::milliseconds kTrimEvery{2000};
/// FIN to RST when a tunnel is cut at its deadline; also the spread of policy `close`.
inline constexpr std::chrono::milliseconds kTunnelCutGrace{1000};

/// Failed connects put an endpoint in penalty: first, doubling to most (behaviour.md §2).
inline constexpr std::chrono::milliseconds kPenaltyFirst{1000};
inline constexpr std::chrono::milliseconds kPenaltyMax{10'000};

/// Health checks under way at once, all services together; more wait for their turn. Each is a
/// socket, of those that are kept from clients, and the head of an answer.
inline constexpr std::size_t kHealthChecksMax = 32;
/// Of a check's answer, when a text is looked for in its body; a longer body is judged by so much.
inline constexpr std::size_t kHealthBodyMax = 64 * 1024;
/// What an origin may say of itself beside one word; shown in status.
inline constexpr std::size_t kDependenciesMax = 8;
/// How often failures that workers have counted are looked at, and how often the share of an
/// endpoint that came back grows. Until then the penalty of failed connects keeps requests away.
inline constexpr std::chrono::milliseconds kHealthLook{100};
/// The share, in thousandths, that an endpoint gets at once when it comes back: with less a service
/// of few requests would not warm it up at all.
inline constexpr std::uint32_t kSlowStartLeast = 100;
/// `path` and `body` of a health check, and the words of a hook.
inline constexpr std::size_t kHealthPathMax = 1024;
inline constexpr std::size_t kHealthTextMax = 256;
inline constexpr std::size_t kHookWordsMax = 32;
inline constexpr std::size_t kHookWordMax = 4096;
/// Hooks that run at once, all services together; more wait. Each is a process.
inline constexpr std::size_t kHooksMax = 8;

/// Patterns of `rescue.assets` of one service, and the octets of one: each 404 is compared with all
/// of them.
inline constexpr std::size_t kAssetPatternsMax = 32;
inline constexpr std::size_t kAssetPatternMax = 256;
/// Requests that ask one pool for a file that the other one has not, on all workers: whoever asks
/// for paths that nobody has must not bring the load of one pool to the other.
inline constexpr std::uint32_t kAssetAsksMax = 128;
/// How long the answer to that is waited for, the connection included: the user has a 404 already.
inline constexpr std::chrono::milliseconds kAssetWaitMax{2000};

/// Timer wheel of a worker: never early, at most one tick late; later deadlines wait in the last
/// slot and are re-placed.
inline constexpr std::chrono::milliseconds kTimerTick{50};
inline constexpr std::size_t kTimerSlots = 1024;
/// A loop that comes back later than that from a wait, or from its last turn, has stood still (a
/// paused machine, a stopped process): what is ready is handled before its deadlines, and the time
/// is not charged to endpoints. Above what a busy loop needs, which sheds before it is so late.
inline constexpr std::chrono::milliseconds kLoopAway{1000};

/// Lines for whoever runs the process that standard error has not taken yet; more are dropped and
/// counted. What a pipe holds, once more.
inline constexpr std::size_t kNoticeQueueBytes = 64 * 1024;

/// Access-log lines that wait for the writer, per process; more are dropped and counted.
inline constexpr std::size_t kAccessLogQueueLines = 64 * 1024;
inline constexpr std::size_t kAccessLogQueueBytes = 16 * 1024 * 1024;
/// One line: a request head whose every byte is escaped as six.
inline constexpr std::size_t kAccessLogLineMax = 128 * 1024;
static_assert(kAccessLogLineMax >= 6 * kRequestHeadMax);

/// Admin socket: one request, whole; connections at once; answers that wait for a drain included.
inline constexpr std::size_t kAdminBodyMax = 64 * 1024;
inline constexpr std::size_t kAdminConnectionsMax = 256;
/// Head of an admin request, whole request, and a caller that does not read its answer or goes on
/// asking.
inline constexpr std::chrono::milliseconds kAdminRequestWait{10'000};
inline constexpr std::chrono::milliseconds kAdminAnswerWait{10'000};
inline constexpr std::chrono::milliseconds kAdminIdle{60'000};
/// `reason` of a change, in bytes: it stands in the state file and in the audit.
inline constexpr std::size_t kReasonMax = 1024;
/// Changes that wait for their turn; more are refused with 503.
inline constexpr std::size_t kChangeQueueMax = 1024;
/// Waits of a change (behaviour.md §1): for the disk, a rollback for the disk, for adoption, for
/// the connect check.
inline constexpr std::chrono::milliseconds kPersistWait{5000};
inline constexpr std::chrono::milliseconds kRollbackPersistWait{100};
inline constexpr std::chrono::milliseconds kAdoptionWait{1000};
inline constexpr std::chrono::milliseconds kConnectCheckWait{500};
static_assert(kRollbackPersistWait < kPersistWait);
static_assert(kTimerTick < kRollbackPersistWait);  // else its wait would be "at once" or too long
/// A state that must reach the disk is written again after the first, doubling to the most.
inline constexpr std::chrono::milliseconds kPersistRetryFirst{100};
inline constexpr std::chrono::milliseconds kPersistRetryMax{2000};
/// Audit lines that wait for a disk that takes them.
inline constexpr std::size_t kAuditBacklogMax = 4096;
/// The audit file is set aside at this size and a new one begun: small enough to look through.
inline constexpr std::size_t kAuditFileMax = 64 * 1024 * 1024;
/// One line: a list of changes of every service holds each of them twice. More is damage.
inline constexpr std::size_t kAuditLineMax = 32 * 1024 * 1024;
/// What one look at the audit reads and answers; the store thread reads it between two writes.
inline constexpr std::size_t kAuditTailLines = 1000;
inline constexpr std::size_t kAuditTailBytes = 1024 * 1024;
/// What a look at the whole audit lists, how often the same must be found before it is believed
/// while a proxy may be writing, and how often is looked at most.
inline constexpr std::size_t kAuditFindingsMax = 100;
inline constexpr unsigned kAuditLooksAlike = 3;
inline constexpr unsigned kAuditLooksMax = 30;
/// Events that are kept for those who come or fall behind.
inline constexpr std::size_t kEventsKept = 1024;
/// Readers of the event stream; each holds a connection to the admin socket.
inline constexpr std::size_t kEventReadersMax = 32;
static_assert(kEventReadersMax < kAdminConnectionsMax / 4);
/// What a reader of events may leave unread before nothing more is written to it.
inline constexpr std::size_t kEventQueueMax = 64 * 1024;
/// A comment when nothing else goes out, so that both sides notice a dead connection.
inline constexpr std::chrono::milliseconds kEventHeartbeat{15'000};
/// So often is looked whether such a reader takes what waits for it; one that took nothing since
/// the last look gives its place to others.
inline constexpr std::chrono::milliseconds kEventStall{30'000};
/// Sockets that connect checks of one change hold at once, and of one pool.
inline constexpr std::size_t kConnectChecksMax = 128;
inline constexpr std::size_t kConnectChecksPerPoolMax = 16;
/// How often a drain looks at the leases; and how many drains of one pool run before the oldest is
/// merged into the next.
inline constexpr std::chrono::milliseconds kDrainPoll{20};
inline constexpr std::size_t kDrainsPerPoolMax = 32;
/// A worker silent for longer is named in reports and by the watchdog.
inline constexpr std::chrono::milliseconds kWorkerSilence{2000};

/// What the split did is looked at so often, and shown over so long.
inline constexpr std::chrono::seconds kShareTick{5};
inline constexpr std::chrono::seconds kShareWindow{60};
inline constexpr std::chrono::hours kDrainDeadlineMax{24};
inline constexpr std::chrono::hours kForgottenServiceAge{30 * 24};

/// Descriptors kept back from the connection limit: listeners, logs, state, admin (behaviour.md
/// §4).
inline constexpr std::size_t kReservedDescriptors = 64;
static_assert(kHealthChecksMax <= kReservedDescriptors / 2);
/// Of these, held open from the start for when all others are taken nevertheless (idle connections
/// to endpoints, a limit that somebody lowered), by who may take them: callers over TCP, who look;
/// callers of the admin socket; what an answer needs (the connections that a switch tries, /proc);
/// the state file or the audit, and their directory.
inline constexpr std::size_t kReserveForRemote = 2;
inline constexpr std::size_t kReserveForCallers = 4;
inline constexpr std::size_t kReserveForAnswers = 4;
inline constexpr std::size_t kReserveForState = 2;
inline constexpr std::size_t kDescriptorReserve =
    kReserveForRemote + kReserveForCallers + kReserveForAnswers + kReserveForState;
static_assert(kDescriptorReserve < kReservedDescriptors / 2);

}  // namespace sluice::core::limits
