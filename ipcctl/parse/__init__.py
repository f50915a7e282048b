"""Text to facts. Every function here is pure: it can be run on a recorded file."""
