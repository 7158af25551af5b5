"""Thin input and output that probes share: audio, sockets, facts of the operating system."""
