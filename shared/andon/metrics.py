"""Every metric of Andon: one class, so that a wrong name is a type error.

Names follow Prometheus: one prefix, base units, `_total` on counters. Labels stay small: hot metrics carry the
station at most, never a frame, a part or a bundle. docs/metrics.md is generated from here, and docs/monitoring.md says
what a scrape of it all may cost.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

JOB_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FILL = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Metrics:
    """The metrics of one process, on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:  # noqa: PLR0915  one list of them all
        self.registry = registry
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a third more series, which nothing reads

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"andon_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"andon_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"andon_{name}", text, labels, buckets=buckets, registry=registry)

        # Every stage, by the wrapper in observe.py
        self.build = gauge("build_info", "1, with the version that runs.", "service", "version")
        self.records_consumed = counter("records_consumed_total", "Records a stage took from its source.", "stage")
        self.messages_sent = counter(
            "messages_sent_total", "Messages whose delivery was acknowledged.", "stage", "topic"
        )
        self.dead_letters = counter(
            "frames_dead_lettered_total", "Records that can never succeed, by reason.", "stage", "reason"
        )
        self.turn_seconds = histogram("stage_turn_seconds", "Time one turn's handling took.", LATENCY_S, "stage")
        self.send_seconds = histogram(
            "stage_send_seconds", "Time until a turn's results were acknowledged.", LATENCY_S, "stage"
        )
        self.batch_records = histogram("stage_batch_records", "Records in one turn.", BATCH, "stage")
        self.last_turn = gauge("stage_last_turn_timestamp_seconds", "When the loop last made a turn.", "stage")
        self.consumer_lag = gauge(
            "consumer_lag_records", "Records between us and the end, by partition.", "topic", "partition"
        )
        self.consumer_lag_seconds = gauge(
            "consumer_lag_seconds",
            "The oldest unread record is at most so old, as far as the reader knows; 0: nothing is unread.",
            *("topic", "partition"),
        )
        self.rebalances = counter(
            "rebalances_total", "Times the group gave a service partitions: at its start, and at every change.", "stage"
        )
        self.commits_refused = counter(
            "commits_refused_total", "Commits that a rebalance refused and we forgot.", "stage"
        )
        # Tracing, in every service, where it is asked for
        self.trace_spans_exported = counter("trace_spans_exported_total", "Spans that the receiver took.")
        self.trace_spans_dropped = counter(
            "trace_spans_dropped_total",
            "Spans that nobody will see: queue_full (more than it takes in time), not_taken (it refused, or is away).",
            "reason",
        )
        # The line file, in every service that reads it
        self.line_file_valid = gauge(
            "line_file_valid", "1 where the file is right, 0 where an older one holds.", "file"
        )
        self.line_file_loaded = gauge("line_file_loaded_timestamp_seconds", "When the file was last taken in.", "file")
        # Ingest
        self.frames_captured = counter("frames_captured_total", "Frames that got an identity.", "station")
        self.frames_skipped = counter(
            "frames_skipped_total", "Images left out at capture, by reason.", "station", "reason"
        )
        # Preprocess
        self.frames_received = counter(
            "frames_received_total",
            "Frames read from Kafka, no golden ones or replays: own (an ingest numbered them) or foreign.",
            "origin",
        )
        self.decode_seconds = histogram(
            "decode_seconds", "One image from its bytes to a tensor: checked, decoded, resized, measured.", LATENCY_S
        )
        # Heartbeat
        self.heartbeats = counter(
            "heartbeats_total",
            "Heartbeats of golden frames that are over, by how they came back.",
            "station",
            "outcome",
        )
        self.heartbeat_latency = histogram(
            "heartbeat_latency_seconds", "From sending a golden frame to its verdict.", LATENCY_S
        )
        self.heartbeat_last_right = gauge(
            "heartbeat_last_right_timestamp_seconds",
            "When a station's inspection was last seen to be right.",
            "station",
        )
        # Scoring
        self.frames_scored = counter("frames_scored_total", "Verdicts, by station.", "station", "verdict")
        self.golden_frames = counter(
            "golden_frames_total", "Verdicts on the heartbeat's golden frames, which no other count holds.", "verdict"
        )
        self.frames_judged = counter(
            "frames_judged_total",
            "Frames by what became of them: in_time or late (past the deadline), or unscorable. No golden ones.",
            "outcome",
        )
        self.frames_late = counter("frames_late_total", "Verdicts that came past the deadline.", "station")
        self.last_frame = gauge(
            "station_last_frame_timestamp_seconds", "When the newest frame that was scored was taken.", "station"
        )
        self.frame_age = histogram("frame_age_seconds", "From capture to verdict.", LATENCY_S)
        self.inference_seconds = histogram("inference_duration_seconds", "One graph call.", LATENCY_S)
        self.inference_batch = histogram("inference_batch_frames", "Frames in one graph call.", BATCH)
        self.inference_fill = histogram(
            "inference_batch_fill_ratio", "Frames of one graph call against the most it may take.", FILL
        )
        self.gpu_memory_used = gauge("gpu_memory_used_bytes", "Memory in use on a GPU, by whomever.", "gpu")
        self.gpu_memory = gauge("gpu_memory_bytes", "Memory that a GPU has.", "gpu")
        self.gpu_utilization = gauge(
            "gpu_utilization_ratio", "Share of the last moments in which a GPU was at work, for whomever.", "gpu"
        )
        self.bundle_swaps = counter("bundle_swaps_total", "Bundles that took over a station.", "station")
        self.bundles_refused = counter(
            "bundles_refused_total", "Bundles that could not be read or failed the parity gate."
        )
        self.bundles_loaded = gauge("bundles_loaded", "Bundles in memory.")
        self.bundle_memory = gauge("bundle_memory_bytes", "Memory that loaded bundles take, as measured at loading.")
        self.bundle_loads = counter("bundle_loads_total", "Bundles read, opened and proven.")
        self.bundle_load_seconds = histogram("bundle_load_seconds", "Time one bundle's loading took.", LATENCY_S)
        self.bundles_evicted = counter("bundles_evicted_total", "Bundles let go of to keep within the memory budget.")
        self.records_held = counter(
            "records_held_total", "Times a frame was put back because its bundle was being loaded."
        )
        self.head_seconds = histogram("inference_head_seconds", "One call of a head, after its backbone.", LATENCY_S)
        self.shadow_frames_scored = counter("shadow_frames_scored_total", "Verdicts by shadows.", "station", "verdict")
        self.score_ratio = histogram(
            "anomaly_score_ratio",
            "Raw score against its threshold.",
            (0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.5, 2, 4, 8),
            "station",
        )
        # Changeovers, of scoring
        self.changeovers = counter("changeovers_total", "Times a station went over to another product.", "station")
        # Alerting
        self.scores_stale = counter("scores_stale_total", "Scores seen before, or older than the state.", "station")
        self.incidents_opened = counter("incidents_opened_total", "Incidents opened, by cause.", "station", "cause")
        self.incidents_open = gauge("incidents_open", "Incidents open now that this process decides on.", "station")
        self.incident_open = gauge("incident_open", "1 while an incident of that cause is open.", "station", "cause")
        self.station_info = gauge("station_info", "1 for each station, with its line.", "station", "line")
        self.pages_sent = counter("pages_sent_total", "Pages a sink accepted.", "sink", "kind")
        self.pages_failed = counter(
            "pages_failed_total", "Attempts a sink did not accept, by reason.", "sink", "reason"
        )
        self.pages_waiting = gauge("pages_waiting", "Pages a sink was not told yet.", "sink")
        self.state_rebuilds = counter(
            "state_rebuilds_total", "Times Redis had lost its state and it was rebuilt from Kafka."
        )
        # Evidence
        self.evidence_frames = counter(
            "evidence_frames_total", "Frames that evidence kept, and those it could not, by reason.", "outcome"
        )
        self.evidence_bytes = gauge("evidence_bytes", "Bytes of evidence in the store.")
        self.evidence_held_bytes = gauge(
            "evidence_held_bytes",
            "Bytes of evidence that may not go: of open incidents, and of frames people answered.",
        )
        self.evidence_incidents = gauge("evidence_incidents", "Incidents whose evidence is in the store.")
        self.evidence_removed = counter(
            "evidence_removed_total", "Incidents whose evidence was removed, by reason.", "reason"
        )
        self.evidence_answers = counter(
            "evidence_answers_total", "Answers of people, by what became of the frame they are about.", "outcome"
        )
        self.reviewed_frames = gauge(
            "reviewed_frames", "Frames that people answered, in the evidence store.", "station"
        )
        self.reviewed_bytes = gauge("reviewed_bytes", "Bytes of reviewed frames, which count on no bound.")
        self.retention_headroom = gauge(
            "retention_headroom_seconds",
            "Time until Kafka deletes what a group has not read of a topic; +Inf: nothing waits, or is deleted.",
            "group",
            "topic",
        )
        # Drift
        self.findings = counter("findings_total", "Faults found in a station's pictures, by cause.", "station", "cause")
        self.image_luminance = gauge("image_luminance", "Mean brightness of the last picture, 0 to 1.", "station")
        self.image_luminance_limit = gauge(
            "image_luminance_limit", "Where it is dark (low) or too bright (high).", "station", "side"
        )
        self.image_sharpness = gauge("image_sharpness", "Sharpness of the last picture, a logarithm.", "station")
        self.image_sharpness_limit = gauge("image_sharpness_limit", "Below it a picture is blurred.", "station")
        self.image_shift = gauge(
            "image_shift_pixels", "How far things lie right or down of where they should.", "station", "way"
        )
        self.image_shift_limit = gauge("image_shift_limit_pixels", "Farther, either way, is moved.", "station", "way")
        self.image_fault = gauge("image_fault", "1 while a fault of the pictures is found.", "station", "cause")
        by_chart = ("station", "feature", "chart")
        self.drift_statistic = gauge(
            "drift_statistic", "What a chart says of a number; past its limit the number drifts.", *by_chart
        )
        self.drift_limit = gauge("drift_limit", "Where a chart alarms, in the measure of its statistic.", *by_chart)
        self.drift_active = gauge("drift_active", "1 from an alarm until the number is back.", *by_chart)
        self.drift_detections = counter("drift_detections_total", "Alarms that were told, by chart.", *by_chart)
        self.readings = counter(
            "readings_total",
            "Readings of sensors: taken, late (not newer than others), ahead (from the future).",
            "station",
            "outcome",
        )
        self.drift_state = gauge(
            "drift_state", "1 for how far it is watched: no_reference, learning, active, stale.", "station", "state"
        )
        self.drift_learning_ratio = gauge(
            "drift_learning_ratio", "Share of what is wanted that was collected; 1 once it is frozen.", "station"
        )
        self.drift_reference_timestamp = gauge(
            "drift_reference_timestamp_seconds", "When the last frame of the reference was taken.", "station"
        )
        self.drift_reference_frames = gauge("drift_reference_frames", "Frames it was learned from.", "station")
        self.drift_false_alarm = gauge(
            "drift_false_alarm_seconds", "Mean time between two false tickets, as promised.", "station"
        )
        # The ledger, of the stations that the process watches
        self.ledger_captured = counter(
            "ledger_captured_frames_total", "Frames that are known to have been captured.", "station"
        )
        self.ledger_scored = counter("ledger_scored_frames_total", "Those that were scored, each once.", "station")
        self.ledger_dead_lettered = counter(
            "ledger_dead_lettered_frames_total", "Those that were refused, replayed ones too.", "station"
        )
        self.ledger_skipped = counter(
            "ledger_skipped_frames_total", "What ingest left out, and never became a frame.", "station"
        )
        self.ledger_lost = counter(
            "ledger_lost_frames_total", "Those that vanished and were given up, found ones too.", "station"
        )
        self.ledger_missing = gauge("ledger_missing_frames", "Frames that have vanished, until given up.", "station")
        self.ledger_waiting = gauge("ledger_waiting_frames", "Frames that are captured and have no end yet.", "station")
        self.ledger_vanished = counter(
            "ledger_vanished_frames_total", "Frames found missing, by the hop behind which they vanished.", "hop"
        )
        # Console: dead letters that nobody has handled
        self.dead_letters_waiting = gauge(
            "dead_letters_waiting",
            "Dead letters that nobody has replayed or discarded yet, by reason; every console counts them all.",
            "reason",
        )
        # Console: what people's answers tell
        by_shift = ("station", "product", "shift")
        self.false_call_rate = gauge(
            "false_call_rate",
            "Share of frames that are good and were called anomalous, in the shift that is on and in the last 24h.",
            *by_shift,
        )
        self.false_call_rate_low = gauge("false_call_rate_low", "The true share is hardly lower (95 %).", *by_shift)
        self.false_call_rate_high = gauge("false_call_rate_high", "The true share is hardly higher (95 %).", *by_shift)
        self.false_call_budget = gauge("false_call_budget", "The share that the line file accepts.", *by_shift)
        self.escape_rate = gauge(
            "escape_rate", "Share of frames called ok that are defective, by the audit sample.", *by_shift
        )
        self.escape_rate_low = gauge("escape_rate_low", "The true share is hardly lower (95 %).", *by_shift)
        self.escape_rate_high = gauge("escape_rate_high", "The true share is hardly higher (95 %).", *by_shift)
        # Machines
        self.machine_verdicts = counter(
            "machine_verdicts_total", "Verdicts that a broker or a PLC was told, and whether too late.", "sink", "late"
        )
        self.machine_latency = histogram(
            "machine_latency_seconds", "From capture until the broker or the server had the verdict.", LATENCY_S, "sink"
        )
        self.machine_connected = gauge("machine_connected", "1 while connected to it.", "sink")
        # Trainer
        self.trainer_decisions = counter(
            "trainer_decisions_total", "What the trainer decided, by kind of notice and reason.", "kind", "why"
        )
        self.training_jobs = gauge(
            "training_jobs", "Fits and requests at hand, and requests that wait, by how they stand.", "phase"
        )
        self.training_jobs_ended = counter(
            "training_jobs_ended_total", "Fits and requests that have ended, by what came of them.", "outcome"
        )
        self.training_job_seconds = histogram(
            "training_job_seconds", "How long they took, from when they were begun or adopted.", JOB_S
        )
        self.stations_without_bundle = gauge("stations_without_bundle", "Stations counted until they can be learned.")
        self.trials_running = gauge("trials_running", "Shadows on trial, and promoted bundles on probation.")
