"""The checks: pure functions of facts, one file an area. Each file ends with its table, `CHECKS`."""
