"""The schema `catalogue`, as numbered migrations."""
