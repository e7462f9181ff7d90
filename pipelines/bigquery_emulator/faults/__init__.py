"""Inject scripted faults into the emulator's answers."""
