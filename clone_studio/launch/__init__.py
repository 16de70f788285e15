"""The launcher: everything `./studio` does before the studio's own packages are there.

Standard library only, so that it runs on a bare Python 3.11.
"""
