"""The catalogue: keeps the games of all providers current, lets the operator lay his own over them, and shows them.

A process of its own; bets go on without it. PostgreSQL holds what it knows, `catalogue.games` carries it to the others.
"""
