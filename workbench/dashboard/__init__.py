"""The live dashboard: one page that shows what comes in, how fast, and what is stored.

`waterline dashboard` serves it; `Dashboard` in `viewer` also shows it in a notebook.
"""
