"""What is said beside a database's own words: what of the changes has taken effect."""


def with_effect(words: str, effect: str) -> str:
    """The words, with a sentence behind the first line of them, before details, hints and codes."""
    first, line_break, rest = words.partition("\n")
    first = first.rstrip()
    return f"{first}{'' if first.endswith(('.', '!', '?')) else '.'} {effect}{line_break}{rest}"
