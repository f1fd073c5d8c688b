"""Requests, replies and problems as plain values, independent of the HTTP engine."""
