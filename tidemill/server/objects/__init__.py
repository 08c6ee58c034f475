"""The one door to objects: finds the storage, decides, calls its store, notes the access. All others call this."""
