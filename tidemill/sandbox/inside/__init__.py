"""What runs inside the sandbox with the job's own interpreter: copied there as the package `tidemill_inside`.

It works in any Python from 3.9, needs nothing of Tidemill, and imports only its neighbours.
"""
