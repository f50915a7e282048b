"""Tests on real IPC objects, each in a private IPC and mount namespace of its own."""
