"""The live dashboard: a page that explores logs, and tells of sources, archives and health.

`waterline dashboard` serves it; `Dashboard` in `viewer` also shows it in a notebook.
"""
