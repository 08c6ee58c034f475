"""Imported ahead in a warm interpreter: an engine with its extensions, which each job gets a copy of by its fork.

To load them takes half a second; a fork a few milliseconds. The engine has one thread only until the job has it, so
that there is nothing that a fork would lose.
"""

from typing import Final

from .engine import EXTENSIONS, connect, load

ENGINE: Final = connect()

for extension in EXTENSIONS:
    load(ENGINE, extension)
