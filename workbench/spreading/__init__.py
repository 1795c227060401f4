"""Spreading tasks: over threads of this process, or over the workers of a cluster."""
