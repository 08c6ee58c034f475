"""Numbers with a point out of text: a 64-bit float where it holds the value, else an error and never a rounded one."""

from decimal import Decimal, InvalidOperation

from tidemill.engine.documents.bson_tree import Unfit


def exact_float(text: str) -> float:
    """The float whose shortest form has the same value as `text`.

    Raises:
        Unfit: there is none: it is too large, or has too many digits.
    """
    number = float(text)
    try:
        is_exact = Decimal(repr(number)) == Decimal(text)
    except InvalidOperation:
        is_exact = False
    if not is_exact:
        raise Unfit(f"a double does not hold {text[:40]} exactly: write it as {{$numberDecimal: '{text[:40]}'}}")
    return number
