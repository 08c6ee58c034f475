"""The baselines: the least that has to happen, in plain Python, without anything of Tidemill."""
