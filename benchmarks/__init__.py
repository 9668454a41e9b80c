"""Timings of the line, printed side by side; never asserted by a test."""
