"""From what a model wrote to one of the answers that were allowed, or to none.

Models add full stops, capitals, articles, quotation marks, a phrase before the answer and an
explanation after it. :class:`Matcher` sees through these, in this order:

1. the whole reply, normalised, is an answer;
2. the reply begins with an answer that a punctuation mark or a line break ends
   (``"Spam. The comment advertises ..."``);
3. exactly one answer is named in the first line, or in the whole reply, and is not negated;
4. the reply is one answer cut short (``"posit"``), or one answer with a spelling mistake: the
   closest by edit distance in a trie of the answers, if it is the only one that close.

Otherwise there is no match. What comes back is always one of the answers given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from weaklabel.errors import ConfigError

_ARTICLES: Final = frozenset({"a", "an", "the"})
_NEGATIONS: Final = frozenset(
    (
        "not",
        "no",
        "never",
        "neither",
        "nor",
        "cannot",
        "isn't",
        "isnt",
        "wasn't",
        "aren't",
        "doesn't",
    )
)
_PREFIX: Final = re.compile(
    r"(?:(?:the|my|final|correct|best)\s+)*"
    r"(?:answer|label|class|category|output|response|result|verdict)\s*(?::|=|\bis\b|-)\s*"
    r"|(?:it|this|that)(?:'s|\s+is)\s+",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SHORT: Final = 4  # answers below this length are not guessed at
_LONG: Final = 9  # from this length on, two spelling mistakes are forgiven


def normalise(text: str) -> str:
    """A text without case, punctuation, articles, accents of presentation and phrases before it.

    A text of nothing but these (``"A"``, ``"+"``) stays as it is, in lower case.

    Examples
    --------
    >>> normalise('  The answer is: "Not Spam".')
    'not spam'
    >>> normalise("A."), normalise("+")
    ('a', '+')
    """
    plain = _folded(text)
    words = _words(_PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain)
    kept = [word for word in words if word not in _ARTICLES]
    return " ".join(kept or words) or plain.strip()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").strip()
    return plain.lstrip("\"'`*([{<#- \t\n") if any(map(str.isalnum, plain)) else plain


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


class Matcher:
    """Finds which of some answers a reply means.

    Parameters
    ----------
    answers : iterable of str

    Raises
    ------
    ConfigError
        If there is none, one is empty, or two are the same once normalised.

    Examples
    --------
    >>> matcher = Matcher(["positive", "negative", "not sure"])
    >>> matcher.match("Answer: Positive!"), matcher.match("I am not sure."), matcher.match("hm")
    ('positive', 'not sure', None)
    """

    def __init__(self, answers: Iterable[str], who: str = "the answer map") -> None:
        self._by_text: dict[str, str] = {}
        for answer in answers:
            if not isinstance(answer, str) or not answer.strip():
                raise ConfigError(f"{who} must hold texts that are not empty, found {answer!r}")
            key = normalise(answer)
            if key in self._by_text:
                raise ConfigError(
                    f"{who} holds {self._by_text[key]!r} and {answer!r}, which are the same once "
                    "case, punctuation and articles are gone; reword one"
                )
            self._by_text[key] = answer
        if not self._by_text:
            raise ConfigError(f"{who} must hold at least one answer, found none")
        self._trie = _Trie(self._by_text)
        self._longest = max(len(key.split()) for key in self._by_text)

    def match(self, reply: str) -> str | None:
        """The answer that a reply means; None if that is not clear."""
        whole = normalise(reply)
        key = whole if whole in self._by_text else self._at_start(reply)
        if key is None:
            key = self._only_one(reply)
        if key is None and len(whole.split()) <= self._longest + 1:
            close = self._trie.closest(whole, _allowed(whole))
            key = self._cut_short(whole) or (close if close and _allowed(close) else None)
        return None if key is None else self._by_text[key]

    def _at_start(self, reply: str) -> str | None:
        """An answer at the beginning that a punctuation mark or a line break ends."""
        head = re.split(r"[.,;:!?)\]\n—–]|\s-\s|\*\*", _PREFIX.sub("", _folded(reply), count=1))[0]
        key = normalise(head)
        return key if key in self._by_text else None

    def _only_one(self, reply: str) -> str | None:
        plain = _folded(reply)
        for part in (plain.split("\n", 1)[0], plain):
            found = set(self._named(_words(part)))
            if len(found) == 1:
                return found.pop()
            if found:
                return None
        return None

    def _named(self, words: Sequence[str]) -> Iterator[str | None]:
        """The answers named among the words, longest first at each place; None for a negated one.

        Articles do not count as answers here: every English sentence holds one.
        """
        at = 0
        while at < len(words):
            for n in range(min(self._longest, len(words) - at), 0, -1):
                key = " ".join(words[at : at + n])
                if key in self._by_text and key not in _ARTICLES:
                    yield None if _NEGATIONS.intersection(words[max(at - 2, 0) : at]) else key
                    at += n
                    break
            else:
                at += 1

    def _cut_short(self, text: str) -> str | None:
        if len(text) < _SHORT:
            return None
        found = [key for key in self._by_text if key.startswith(text)]
        return found[0] if len(found) == 1 else None


def _allowed(text: str) -> int:
    """How many spelling mistakes a text of this length may hold."""
    return 0 if len(text) < _SHORT else 1 if len(text) < _LONG else 2


class _Trie:
    """Words by their letters; finds the closest by edit distance without trying each.

    One row of the table of Wagner and Fischer is kept for each node on the path, so answers that
    begin alike share the work.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._root: dict[str, dict[str, object]] = {}
        for word in words:
            node: dict[str, object] = self._root  # type: ignore[assignment]
            for letter in word:
                node = node.setdefault(letter, {})  # type: ignore[assignment]
            node[""] = word

    def closest(self, text: str, most: int) -> str | None:
        """The only word within ``most`` edits that no other word is as close as.

        A word with letters before it is another word (*irrelevant*, *unsafe*), not a mistake.
        """
        if most == 0:
            return None
        found: dict[str, int] = {}
        self._search(self._root, text, list(range(len(text) + 1)), most, found)  # type: ignore[arg-type]
        found = {w: d for w, d in found.items() if not (text.endswith(w) or w.endswith(text))}
        if not found:
            return None
        least = min(found.values())
        best = [word for word, distance in found.items() if distance == least]
        return best[0] if len(best) == 1 else None

    def _search(
        self, node: dict[str, object], text: str, row: list[int], most: int, found: dict[str, int]
    ) -> None:
        for letter, child in node.items():
            if letter == "":
                if row[-1] <= most:
                    found[str(child)] = row[-1]
                continue
            new = [row[0] + 1]
            for k, other in enumerate(text):
                new.append(min(new[k] + 1, row[k + 1] + 1, row[k] + (other != letter)))
            if min(new) <= most and isinstance(child, dict):
                self._search(child, text, new, most, found)
