"""Measures Tidemill as ratios to raw baselines that are taken in the same run. `python -m bench --help`."""
