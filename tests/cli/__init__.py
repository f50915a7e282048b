"""The commands on recorded trees, run in this process: fast, and with a clock that stands still."""
