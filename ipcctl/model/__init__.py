"""Frozen facts about IPC objects. Standard library only; nothing here reads or prints."""
