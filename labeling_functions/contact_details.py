r"""Labeling functions for contact details and other personal data in a text, column ``text``.

Each rule votes ``"PERSONAL"`` where a text carries a way to reach or identify a person (an e-mail
address, a telephone number, a street address, a card or account number), or ``"CLEAN"`` where it
shows nothing of the kind. The patterns follow the published formats: RFC 5322 in its usual part,
E.164, IPv4, IBAN (ISO 13616) and card numbers of 13 to 19 digits; they check the form and not the
check digits, so a number of the right shape is taken for one.
"""

from __future__ import annotations

from labeling_functions.keyword_rules import keywords
from labeling_functions.patterns import regex

LABELS = ["CLEAN", "PERSONAL"]
CLEAN, PERSONAL = LABELS

email = regex(
    "email",
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    PERSONAL,
    labels=LABELS,
)
disguised_email = regex(
    "disguised_email",
    r"\w[\w.]*\s*(?:\(at\)|\[at\])\s*\w+\s*(?:\.|\(dot\)|\[dot\])\s*[a-z]{2,}",
    PERSONAL,
    labels=LABELS,
    ignore_case=True,
)
phone = regex(
    "phone",
    [
        r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,11}",
        r"(?:^|[^\d-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?:$|[^\d-])",
        r"(?:^|[^\d-])0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4}(?:$|[^\d-])",
    ],
    PERSONAL,
    labels=LABELS,
)
asks_to_call = regex(
    "asks_to_call",
    r"(?:call|text|phone|ring|whatsapp|reach)\s+(?:me|us)\s+(?:at|on|under)|my (?:number|cell) is",
    PERSONAL,
    labels=LABELS,
    ignore_case=True,
)
street_address = regex(
    "street_address",
    r"(?:^|\s)\d{1,5}\s+(?:[A-Z][a-z]+\s){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr"
    r"|Boulevard|Blvd|Court|Ct|Way|Square|Terrace)(?:$|[\s.,])",
    PERSONAL,
    labels=LABELS,
)
card_number = regex(
    "card_number",
    r"(?:^|[^\d-])(?:\d{4}[ -]){3}\d{1,7}(?:$|[^\d-])|(?:^|\D)[3-6]\d{12,18}(?:$|\D)",
    PERSONAL,
    labels=LABELS,
)
iban = regex("iban", r"(?:^|\W)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}", PERSONAL, labels=LABELS)
us_social_security = regex(
    "us_social_security", r"(?:^|[^\d-])\d{3}-\d{2}-\d{4}(?:$|[^\d-])", PERSONAL, labels=LABELS
)
ip_address = regex(
    "ip_address",
    r"(?:^|[^\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    r"(?:$|[^\d.]|\.$|\.\D)",
    PERSONAL,
    labels=LABELS,
)
names_a_document = keywords(
    "names_a_document",
    ["passport number", "passport no", "driver's license", "driving licence", "social security",
     "date of birth", "bank account", "account number", "iban", "sort code", "my address is",
     "home address", "medical record", "tax id"],
    PERSONAL,
    labels=LABELS,
)  # fmt: skip
no_digits_no_at = regex("no_digits_no_at", r"\A[^\d@]+\Z", CLEAN, labels=LABELS)
few_digits = regex("few_digits", r"\A(?:[^\d@]*\d){1,3}[^\d@]*\Z", CLEAN, labels=LABELS)
