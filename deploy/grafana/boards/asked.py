"""PromQL that more than one board asks.

Two processes may show one station for a scrape after a rebalance, so gauges are `max by (station)` before anything
else. Counters of several processes add up.
"""

RATE = "[$__rate_interval]"
STATIONS = (
    '{__name__=~"andon_(frames_captured_total|frames_scored_total|station_info)",line=~"$line",station!~"drill[.].+"}'
)
"""Whoever is known: by its camera, by its verdicts, or by the line file; no rehearsals. `line` stands on the last
alone, so a chosen line leaves its own stations and All (.*) leaves everybody."""
LINE_OF = (
    'max by (station, line) (andon_station_info{line=~"$line"})'
    ' or on (station) group by (station) (andon_frames_scored_total{line=~"$line",station!~"drill[.].+"})'
)
"""1 for each station, with its line where the line file names one. It stays when alerting, which says so, is dead."""
ALERTING = 'max(andon_build_info{service="alerting"})'
"""There while alerting answers: it says what is open, and nothing of what is not."""
IMAGE_FAULTS = "station_dark|station_bright|station_blurred|station_frozen|camera_moved"


def scored(where: str = "") -> str:
    """Frames a second that got their verdict, by station."""
    return f"sum by (station) (rate(andon_frames_scored_total{{{where}}}{RATE}))"


def share(part: str, whole: str) -> str:
    """Part of the whole, where there is any."""
    return f"({part}) / ({whole} > 0)"


def anomalous(where: str = "") -> str:
    """Frames a second that were called anomalous, by station; 0 where others were scored."""
    both = f'{where},verdict="anomalous"' if where else 'verdict="anomalous"'
    return f"({scored(both)} or on (station) 0 * {scored(where)})"


def late(where: str = "") -> str:
    """Frames a second whose verdict came after its time, by station."""
    return f"sum by (station) (rate(andon_frames_late_total{{{where}}}{RATE}))"


def incidents(where: str = "") -> str:
    """Open incidents by station; 0 for the others while alerting answers, and nothing while it does not."""
    open_now = f"count by (station) (max by (station, cause) (andon_incident_open{{{where}}}))"
    others = f"0 * (group by (station) (andon_frames_scored_total) and on () {ALERTING})"
    return f"({open_now} or on (station) {others})"


def ours(each: str) -> str:
    """What `each` says of Andon's processes: a Prometheus may scrape others too."""
    return f"{each} and on (job, instance) andon_build_info"


def missing() -> str:
    """Frames that the ledger misses, by station."""
    return "max by (station) (andon_ledger_missing_frames)"


def silence() -> str:
    """Seconds since the newest scored frame was taken, by station."""
    return "time() - max by (station) (andon_station_last_frame_timestamp_seconds)"


def by_line(each: str, add: str = "sum") -> str:
    """What `each` says by station, added up by line; "none" for stations that the line file gives no line."""
    lined = f"{add} by (line) (({each}) * on (station) group_left (line) ({LINE_OF}))"
    return f'label_replace({lined}, "line", "none", "line", "")'


def chosen(each: str) -> str:
    """What `each` says by station, of the chosen lines, with their line."""
    return f'label_replace(({each}) * on (station) group_left (line) ({LINE_OF}), "line", "none", "line", "")'


def quantile(share_of: float, metric: str, by: str = "", where: str = "") -> str:
    """A quantile of a histogram."""
    kept = f"le, {by}" if by else "le"
    return f"histogram_quantile({share_of}, sum by ({kept}) (rate({metric}_bucket{{{where}}}{RATE})))"


def mean(metric: str, by: str = "") -> str:
    """The mean of what a histogram saw."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({metric}_sum{RATE})) / ({grouped} (rate({metric}_count{RATE})) > 0)"
