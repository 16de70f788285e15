"""Backups: one file that holds what a studio keeps, and can be restored on any engine."""
