"""The expressions of flows: what an input, a condition or an iterator says in JavaScript, as raw JSON text."""
