"""Alerts: a process that looks at committed logs and measurements, and tells of incidents."""
