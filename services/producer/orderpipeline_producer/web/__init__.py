"""Requests and replies as plain values, whatever HTTP engine brought them."""
