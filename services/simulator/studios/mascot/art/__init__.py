"""The studio's drawn pictures: covers of games and symbols for their reels. Plain SVG made by code, the same at every call.

motifs.py, creatures.py   the drawings themselves            themes.py    who gets which drawing and colours, by the game's id
cover.py                  the cover of a game                symbols.py   the symbols of its reels
"""
