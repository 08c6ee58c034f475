"""SQL as text, in every dialect: where statements end, what a script declares, and which values go where."""
