"""Longshore: a model-serving runtime for Kubernetes with built-in autoscaling hooks."""

__version__ = "0.1.0"
