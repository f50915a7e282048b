"""Prometheus: metrics of one IPC namespace, served over HTTP or written for node_exporter's textfile collector."""
