"""The routes of the operator's API, a module for each thing they are about."""
