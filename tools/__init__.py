"""Thin command lines over the API."""
