"""Benchmarks: one command, one table; each figure beside its limit or a baseline of the same run.

`python -m benchmarks --help` tells what there is. Nothing here is a timed test: a figure that
misses its target is shown as such, and the command ends well.
"""
