"""What clients ask for, parsed once at the border; frozen and complete inside."""
