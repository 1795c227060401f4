"""The live dashboard: one page with rates, latencies, newest logs, stored logs and archives.

`waterline dashboard` serves it; `Dashboard` in `viewer` also shows it in a notebook.
"""
