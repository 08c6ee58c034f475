"""How databases are spoken to over TLS."""

import ssl


def tls_context(ca_certificate: str, *, checks: bool) -> ssl.SSLContext:
    """With the authorities of the system, or others (PEM) in their place. Without `checks` any certificate is taken."""
    context = ssl.create_default_context(cadata=ca_certificate or None)
    if not checks:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
