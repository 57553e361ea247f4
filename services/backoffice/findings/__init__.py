"""Findings: what fails again and again in an integration, watch lists, and who is told."""
