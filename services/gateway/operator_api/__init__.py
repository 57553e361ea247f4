"""The operator's API: players, money, sessions, launches, free rounds and switches over HTTP.

A process of its own, so that it can never slow the providers' callbacks down. It moves no money itself: every effect is
a command that the wallet applies.
"""
