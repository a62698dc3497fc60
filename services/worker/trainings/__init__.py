"""From a claimed job to its package: what each task trains, and the one driver that trains it."""
