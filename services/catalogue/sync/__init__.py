"""Keeping the games current: reads the providers' lists, compares them with what is stored, and stores the difference."""
