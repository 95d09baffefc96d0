"""Andon's dashboards, as code: `make dashboards` writes them as Grafana's classic JSON into ../dashboards."""
