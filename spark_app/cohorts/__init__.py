"""Wiring of segments and interests: what users did or posted, to kept groups and their files."""
