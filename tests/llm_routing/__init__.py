"""Budgeted routing."""
