"""Pipeline and GPU: does it keep up, and with what. Use, saturation, errors of every stage and of what they run on."""

from boards.asked import RATE, mean, ours, quantile
from boards.frame import boards, console, happenings, out, source
from boards.panels import BAD, WORSE, number, over_time, steps
from boards.shape import Board, Panel, Query, Row

ANSWERED = "max by (service) (max_over_time(andon_build_info[$__range]))"
GONE = f"{ANSWERED} unless on (service) max by (service) (andon_build_info)"


def pipeline(console_url: str) -> Board:
    """The board."""
    return Board(
        "andon-pipeline",
        "Andon / Pipeline and GPU",
        "Does it keep up? Lag, time and errors of the stages, graph calls, the GPU, pages, Redis, Kafka and processes.",
        (
            Row("Now", now()),
            Row("Keeping up", keeping_up()),
            Row("Stages", stages()),
            Row("Preprocess and scoring", inference()),
            Row("GPU: only where scoring has one", gpu()),
            Row("Pages and state", state()),
            Row("Processes and stores", processes()),
        ),
        (source(), console(console_url)),
        happenings("", incidents=False),
        (
            boards(),
            out("Dead letters", "${console}/letters", "With their pictures; replay or discard them"),
            out("Console", "${console}", "The board of lamps"),
        ),
    )


def now() -> tuple[Panel, ...]:
    """The pipeline as six numbers."""
    return (
        number(
            "Services down",
            "Services of which a process answered in the time shown, and none does now.",
            "none",
            Query(f"count({GONE}) or vector(0)", once=True),
            colours=steps((1, BAD)),
            width=4,
        ),
        number(
            "Lag",
            "Records that wait in Kafka, over all services.",
            "short",
            Query("sum(andon_consumer_lag_records)", once=True),
            width=4,
        ),
        number(
            "Oldest unread",
            "At most how old the oldest record is that a service has not read.",
            "s",
            Query("max(andon_consumer_lag_seconds)", once=True),
            colours=steps((10, WORSE), (60, BAD)),
            width=4,
        ),
        number(
            "Camera to verdict",
            "99 % of frames are judged within.",
            "s",
            Query(quantile(0.99, "andon_frame_age_seconds"), once=True),
            colours=steps((1, WORSE), (2.5, BAD)),
            width=4,
            decimals=2,
        ),
        number(
            "Dead letters",
            "In the time shown. `andon dead-letters` shows them, and takes them up again.",
            "none",
            Query("sum(increase(andon_frames_dead_lettered_total[$__range]))", once=True),
            colours=steps((1, WORSE)),
            width=4,
            decimals=0,
        ),
        number(
            "Pages waiting",
            "That a sink was not told yet.",
            "none",
            Query("sum(andon_pages_waiting)", once=True),
            colours=steps((1, WORSE), (20, BAD)),
            width=4,
        ),
    )


def keeping_up() -> tuple[Panel, ...]:
    """Lag, and what comes in against what comes out."""
    return (
        over_time(
            "Lag in records",
            "Records that wait in Kafka, by service and topic. It may jump; it must come back.",
            "short",
            Query("sum by (job, topic) (andon_consumer_lag_records)", "{{job}}: {{topic}}"),
        ),
        over_time(
            "Lag in seconds",
            "At most how old the oldest unread record is, by service and topic.",
            "s",
            Query("max by (job, topic) (andon_consumer_lag_seconds)", "{{job}}: {{topic}}"),
        ),
        over_time(
            "In and out",
            "Frames a second: read by preprocess, and judged by scoring.",
            "suffix: frames/s",
            Query(f"sum by (origin) (rate(andon_frames_received_total{RATE}))", "received, {{origin}}"),
            Query(f"sum by (outcome) (rate(andon_frames_judged_total{RATE}))", "judged, {{outcome}}"),
        ),
        over_time(
            "Dead letters",
            "Records a minute that can never succeed, by stage and reason (docs/reasons.md). Should be 0.",
            "suffix: /min",
            Query(
                f"60 * sum by (stage, reason) (rate(andon_frames_dead_lettered_total{RATE})) > 0",
                "{{stage}}: {{reason}}",
            ),
            Query(f"60 * sum(rate(andon_frames_dead_lettered_total{RATE}))", "all"),
        ),
        over_time(
            "Dead letters that wait for somebody",
            "Neither replayed nor discarded, by reason.",
            "none",
            Query("max by (reason) (andon_dead_letters_waiting)", "{{reason}}"),
            stack=True,
        ),
        over_time(
            "Frames found missing",
            "A minute, by the hop behind which they vanished (`andon ledger`). Should be 0.",
            "suffix: /min",
            Query(f"60 * sum by (hop) (rate(andon_ledger_vanished_frames_total{RATE}))", "{{hop}}"),
            empty="nobody says, or none ever",
        ),
    )


def stages() -> tuple[Panel, ...]:
    """Use, saturation and errors of each stage."""
    busy = f"rate(andon_stage_turn_seconds_sum{RATE}) + rate(andon_stage_send_seconds_sum{RATE})"
    return (
        over_time(
            "Busy",
            "Share of the time that a stage works or waits for Kafka's acknowledgement: the busiest process of each. "
            "Near 1 it is the bottleneck; add a process.",
            "percentunit",
            Query(f"max by (stage) ({busy})", "{{stage}}"),
            limit=0.9,
            high=1,
        ),
        over_time(
            "Turn time",
            "99 % of turns take less.",
            "s",
            Query(quantile(0.99, "andon_stage_turn_seconds", "stage"), "{{stage}}"),
        ),
        over_time(
            "Send time",
            "Until Kafka acknowledged a turn's results: 99 % take less.",
            "s",
            Query(quantile(0.99, "andon_stage_send_seconds", "stage"), "{{stage}}"),
        ),
        over_time(
            "Records a turn",
            "The mean. It grows as a stage falls behind.",
            "none",
            Query(mean("andon_stage_batch_records", "stage"), "{{stage}}"),
        ),
        over_time(
            "Since the last turn",
            "A stage makes a turn at least every few seconds, with or without records.",
            "s",
            Query("time() - min by (stage) (andon_stage_last_turn_timestamp_seconds > 0)", "{{stage}}"),
        ),
        over_time(
            "Rebalances and refused commits",
            "A minute. A few belong to every start and stop; a storm means a process that comes and goes.",
            "suffix: /min",
            Query(f"60 * sum by (stage) (rate(andon_rebalances_total{RATE}))", "rebalances, {{stage}}"),
            Query(f"60 * sum by (stage) (rate(andon_commits_refused_total{RATE}))", "refused commits, {{stage}}"),
        ),
    )


def inference() -> tuple[Panel, ...]:
    """Decoding, graph calls, bundles."""
    return (
        over_time(
            "Decoding",
            "One image.",
            "s",
            Query(quantile(0.5, "andon_decode_seconds"), "half of them within"),
            Query(quantile(0.99, "andon_decode_seconds"), "99 % within"),
        ),
        over_time(
            "Graph calls",
            "One call of a model, and of a head after its backbone.",
            "s",
            Query(quantile(0.5, "andon_inference_duration_seconds"), "call, half within"),
            Query(quantile(0.99, "andon_inference_duration_seconds"), "call, 99 % within"),
            Query(quantile(0.99, "andon_inference_head_seconds"), "head, 99 % within"),
        ),
        over_time(
            "Batch fill",
            "Frames of a graph call over the largest batch, the mean. Near 1 under load is what a GPU wants.",
            "percentunit",
            Query(mean("andon_inference_batch_fill_ratio"), "fill"),
            high=1,
        ),
        over_time(
            "Frames in a call",
            "The mean.",
            "none",
            Query(mean("andon_inference_batch_frames"), "frames"),
        ),
        over_time(
            "Bundles in memory",
            "Memory that loaded bundles take, by process.",
            "bytes",
            Query("sum by (job, instance) (andon_bundle_memory_bytes) > 0", "{{job}} {{instance}}"),
        ),
        over_time(
            "Bundles loaded, let go, refused; frames held",
            "A minute. Many loaded and let go: the memory budget is too small for the stations of a process.",
            "suffix: /min",
            Query(f"60 * sum(rate(andon_bundle_loads_total{RATE}))", "loaded"),
            Query(f"60 * sum(rate(andon_bundles_evicted_total{RATE}))", "let go"),
            Query(f"60 * sum(rate(andon_bundles_refused_total{RATE}))", "refused"),
            Query(f"60 * sum(rate(andon_records_held_total{RATE}))", "frames held meanwhile"),
        ),
    )


def gpu() -> tuple[Panel, ...]:
    """Memory and utilisation of each GPU."""
    return (
        over_time(
            "GPU memory",
            "Used, of all that there is.",
            "bytes",
            Query("max by (instance, gpu) (andon_gpu_memory_used_bytes)", "{{instance}} {{gpu}}: used"),
            Query("max by (instance, gpu) (andon_gpu_memory_bytes)", "{{instance}} {{gpu}}: all"),
            width=12,
            empty="no GPU",
        ),
        over_time(
            "GPU utilisation",
            "Share of the time that a kernel ran.",
            "percentunit",
            Query("max by (instance, gpu) (andon_gpu_utilization_ratio)", "{{instance}} {{gpu}}"),
            width=12,
            empty="no GPU",
            high=1,
        ),
    )


def state() -> tuple[Panel, ...]:
    """Pages and Redis."""
    return (
        over_time(
            "Pages waiting",
            "By sink. It must come back to 0.",
            "none",
            Query("max by (sink) (andon_pages_waiting)", "{{sink}}"),
        ),
        over_time(
            "Pages sent and failed",
            "Attempts a minute, by sink.",
            "suffix: /min",
            Query(f"60 * sum by (sink) (rate(andon_pages_sent_total{RATE}))", "{{sink}}: sent"),
            Query(f"60 * sum by (sink, reason) (rate(andon_pages_failed_total{RATE}))", "{{sink}}: {{reason}}"),
        ),
        over_time(
            "Redis rebuilds, stale scores",
            "Times that Redis had lost its state and it was rebuilt from Kafka, and scores seen before, a minute.",
            "suffix: /min",
            Query(f"60 * sum(rate(andon_state_rebuilds_total{RATE}))", "rebuilds"),
            Query(f"60 * sum(rate(andon_scores_stale_total{RATE}))", "stale scores"),
        ),
    )


def processes() -> tuple[Panel, ...]:
    """Memory, CPU and files of the processes; evidence."""
    return (
        over_time(
            "Memory of processes",
            "Resident.",
            "bytes",
            Query(ours("process_resident_memory_bytes"), "{{job}} {{instance}}"),
        ),
        over_time(
            "CPU of processes",
            "Cores in use.",
            "suffix: cores",
            Query(ours(f"rate(process_cpu_seconds_total{RATE})"), "{{job}} {{instance}}"),
        ),
        over_time(
            "Time of a scrape",
            "How long a service takes to tell its metrics: over a quarter of a second is too long.",
            "s",
            Query(ours("scrape_duration_seconds"), "{{job}} {{instance}}"),
            limit=0.25,
        ),
        over_time(
            "Until Kafka deletes it",
            "Time until Kafka deletes what a service has not read. Missing: nothing waits, or nothing is deleted.",
            "s",
            Query("min by (group, topic) (andon_retention_headroom_seconds) < +Inf", "{{group}}: {{topic}}"),
            empty="nothing waits",
        ),
        over_time(
            "Evidence",
            "Bytes of evidence in the store, and of what may not go: of open incidents, and that people answered.",
            "bytes",
            Query("max(andon_evidence_bytes)", "all"),
            Query("max(andon_evidence_held_bytes)", "may not go"),
        ),
        over_time(
            "Open files",
            "File descriptors of each process.",
            "none",
            Query(ours("process_open_fds"), "{{job}} {{instance}}"),
        ),
    )
