"""The periodic chores, one file each."""
