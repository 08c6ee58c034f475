"""A workspace as one archive, in the form that `wmill sync` makes files of."""
