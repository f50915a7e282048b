"""Measures ipcctl beside its peers, on the same objects in one run: `python -m tests.bench`.

A row of the table is a function in a file of `tests/bench/rows/`, registered with `@row`; see `bench.py`.
"""
