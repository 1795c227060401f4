"""Reports: what an analyst gets of many logs at once, as frames and figures."""
