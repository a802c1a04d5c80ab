"""This room makes a generator a file that a device runs: folded, exported, reduced to 8 bits, checked and measured."""
