"""The Helm chart, rendered and looked at; no cluster is needed."""
