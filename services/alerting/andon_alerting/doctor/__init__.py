"""`andon doctor`: what is wrong with a line's surroundings, and what to do about it. It changes nothing.

A *look* asks the world once and gives *facts*, which are plain data; a *check* judges facts of one kind, without
asking anybody anything. Looks go on side by side, each fails by itself, and all end by the deadline.
"""
