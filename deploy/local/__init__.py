"""The stack on one machine, without Docker: PostgreSQL, Kafka and the services as child processes.

A reader's way in: `stack.Stack.up` starts everything, `parts.SERVICES` is the table of what is started, `processes` owns
pids and signals, `postgres` and `kafka` each own one server. Nothing here is meant for production.
"""
