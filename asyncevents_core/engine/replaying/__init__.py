"""Sending again what was sent before."""
