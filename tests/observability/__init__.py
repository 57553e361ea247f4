"""Metrics, rules, alerts and dashboards: do they name what is there, fire when they should, and say what to do."""
