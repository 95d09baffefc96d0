"""Where a frame's time went: its trace, carried in `traceparent`, and spans of our own for who wants them.

`context` reads and makes traceparents and needs nothing. The rest speaks OpenTelemetry, an extra: it is imported only
where ANDON_TRACING__ENDPOINT is set.
"""
