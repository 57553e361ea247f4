"""Grafana's dashboards as typed Python; `python -m deploy.grafana` writes them as JSON. Needs the development requirements."""
