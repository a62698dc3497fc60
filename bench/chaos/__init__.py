"""Random faults against the whole stack, and a count of what they cost."""
