"""What every object store promises (`tidemill/stores/objects/port.py`), tried on each backend.

A backend joins with one small module and one line in `buckets.py`.
"""
