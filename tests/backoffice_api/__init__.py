"""The API of the back office: history and reports."""
