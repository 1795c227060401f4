"""Many nodes and one lake, simulated, and three real nodes that the simulation is held against."""
