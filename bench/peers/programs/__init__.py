"""One program a peer, run with the interpreter of its environment: nothing of Tidemill is there."""
