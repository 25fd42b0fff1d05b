"""Soft votes, calibration, ensembles and local models."""
