"""Finds the templates of messages, one message after the other.

The method is that of P. He, J. Zhu, Z. Zheng and M. R. Lyu, "Drain: An Online Log Parsing Approach
with Fixed Depth Tree", ICWS 2017. Other than there, a value counts as equal to any word, so that
the threshold can be higher, and `=` ends a word.
"""

import re
from collections.abc import Sequence
from typing import Final

from workbench.patterns.masking import VALUE

MOST_TEMPLATES: Final = 10_000
"""Templates at most; messages of further ones are of the last, `<*>`."""
_MOST_WORDS: Final = 100
"""Words of a message that are looked at."""
_MOST_SECOND_WORDS: Final = 16
"""Second words behind one first word; if there are more, the second word is a value, as a name."""
_LEAST_EQUAL: Final = 0.7
"""Share of words in which a message and its template agree."""
_DIGIT: Final = re.compile(r"\d")
# A name and its value are two words, which are put together again in the text.
_ASSIGNED: Final = re.compile(r"=(?=\S)")
_GLUE: Final = "\0"
_ANY: Final = "\0any"

_Leaf = list[int]
_Branch = dict[str, _Leaf]
"""Templates of one length and one first word, by their second word."""


class TemplateTree:
    """Templates of the messages seen so far; they become more general with further messages."""

    def __init__(self) -> None:
        self._templates: list[list[str]] = []
        self._branches: dict[tuple[int, str], _Branch] = {}
        self._became: dict[int, int] = {}

    def add(self, message: str) -> int:
        """Return the number of the template of a message, from 0.

        Args:
            message: a message with its values masked.
        """
        words = [VALUE if _DIGIT.search(word) else word for word in _words(message)]
        leaf = self._leaf(words)
        found = self._fitting(leaf, words)
        if found is not None:
            return found
        if len(self._templates) >= MOST_TEMPLATES:
            return MOST_TEMPLATES - 1
        if len(self._templates) == MOST_TEMPLATES - 1:
            words = [VALUE]
        else:
            leaf.append(len(self._templates))
        self._templates.append(words)
        return len(self._templates) - 1

    def text(self, number: int) -> str:
        """Return a template as text; runs of values are one."""
        while number in self._became:
            number = self._became[number]
        words: list[str] = []
        for word in self._templates[number]:
            if word != VALUE or words[-1:] != [VALUE]:
                words.append(word)
        return " ".join(words).replace(f"{_GLUE} ", "")

    def _leaf(self, words: Sequence[str]) -> _Leaf:
        first, second = ([*words, "", ""])[:2]
        branch = self._branches.setdefault((len(words), first), {})
        if _ANY in branch:
            return branch[_ANY]
        if second not in branch and len(branch) >= _MOST_SECOND_WORDS:
            return self._united(branch)
        return branch.setdefault(second, [])

    def _united(self, branch: _Branch) -> _Leaf:
        """Put the templates of a branch into one leaf; some of them become one."""
        numbers = sorted(number for leaf in branch.values() for number in leaf)
        branch.clear()
        leaf = branch[_ANY] = []
        for number in numbers:
            same = self._fitting(leaf, self._templates[number])
            if same is None:
                leaf.append(number)
            else:
                self._became[number] = same
        return leaf

    def _fitting(self, leaf: _Leaf, words: Sequence[str]) -> int | None:
        """Return the template that words agree with, made as general as they need; or None."""
        best, share = self._best(leaf, words)
        if best is None or share < _LEAST_EQUAL:
            return None
        template = self._templates[best]
        if template != words:
            self._templates[best] = [
                mine if mine == other else VALUE
                for mine, other in zip(template, words, strict=True)
            ]
        return best

    def _best(self, leaf: _Leaf, words: Sequence[str]) -> tuple[int | None, float]:
        """Return the template that agrees most, of equal ones the most general, and its share."""
        best, most, general = None, -1, -1
        for number in leaf:
            equal = values = 0
            for mine, other in zip(self._templates[number], words, strict=True):
                if mine == VALUE:
                    values += 1
                elif mine == other:
                    equal += 1
            if (equal + values, values) > (most, general):
                best, most, general = number, equal + values, values
        return best, most / max(len(words), 1)


def _words(message: str) -> list[str]:
    words = _ASSIGNED.sub(f"={_GLUE} ", message).split()
    return words if len(words) <= _MOST_WORDS else [*words[: _MOST_WORDS - 1], VALUE]
