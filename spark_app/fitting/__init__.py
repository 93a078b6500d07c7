"""Wiring of a training: fitted, judged, made, kept, checked."""
