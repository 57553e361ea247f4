"""The command `stakewire`: one entry point over all of it. The only place that may import every service.

One module a group of commands; `main` only registers them. Commands import services when they run, so that `--help` is quick.
"""
