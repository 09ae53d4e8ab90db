"""How many calls a stuck model wastes, and whether honest long work is left alone.

The patterns are generated from seeds and know no framework; every contender plays the same ones.
"""
