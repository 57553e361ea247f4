"""The console: pages for people, rendered here, behind a sign-in."""
