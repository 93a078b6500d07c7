"""Words of texts -> numbers: which text a word is in and which word it is. A text is read once; the rest is arithmetic.

What is fitted, shuffled, cut in parts and placed are such numbers, so that none of it goes over words one by one.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_app.interests import cleaning
from spark_app.numbers.sets import distinct

Places = NDArray[np.int64]


class Tokens(NamedTuple):
    """All words of some texts, in their order: `text` (t,) never falls, `word` (t,) is a place in `names`.

    `texts` is how many there are, with those that have no words.
    """

    text: Places
    word: Places
    texts: int
    names: list[str]

    @property
    def sizes(self) -> Places:
        """(texts,), how many words each text has."""
        return np.bincount(self.text, minlength=self.texts)

    @property
    def different(self) -> Places:
        """(texts,), how many different words each text has."""
        return np.bincount(self._pairs // max(len(self.names), 1), minlength=self.texts)

    @property
    def said_by(self) -> Places:
        """(names,), how many texts say each name."""
        return np.bincount(self._pairs % max(len(self.names), 1), minlength=len(self.names))

    @property
    def _pairs(self) -> Places:
        """Each text with each of its words, once, as one number."""
        return distinct(self.text * len(self.names) + self.word)

    def of_names(self, names: Collection[str]) -> "Tokens":
        """The same texts with words of these names alone."""
        allowed = frozenset(names)
        return self.where(np.fromiter((name in allowed for name in self.names), bool, len(self.names))[self.word])

    def some(self, which: Places) -> "Tokens":
        """The texts at these places, in this order."""
        sizes = self.sizes
        ends, taken = np.cumsum(sizes), sizes[which]
        before = np.repeat(ends[which] - np.cumsum(taken), taken)
        return self._replace(
            text=np.repeat(np.arange(len(which)), taken), word=self.word[before + np.arange(len(before))],
            texts=len(which),
        )  # fmt: skip

    def where(self, is_taken: NDArray[np.bool_]) -> "Tokens":
        """The same texts with these of their words alone."""
        return self._replace(text=self.text[is_taken], word=self.word[is_taken])

    def dealt(self, random: np.random.Generator) -> "Tokens":
        """Texts as long as these, of the same words dealt anew among all of them: no topic is left."""
        return self._replace(word=random.permutation(self.word))

    def mixed(self, random: np.random.Generator) -> "Tokens":
        """The same texts, the words of each in an order by lot."""
        return self._replace(word=self.word[np.lexsort((random.random(len(self.word)), self.text))])

    def spelt(self) -> list[str]:
        """Each text as its words with blanks between them."""
        words, ends = [self.names[at] for at in self.word.tolist()], np.cumsum(self.sizes).tolist()
        return [" ".join(words[first:last]) for first, last in zip([0, *ends], ends, strict=False)]


def of(texts: Sequence[Sequence[str]]) -> Tokens:
    """Of texts given as their words (cleaning.read); names in the order in which they are first said."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    names = list(dict.fromkeys(chain.from_iterable(texts)))
    places = {name: at for at, name in enumerate(names)}
    word = np.fromiter(map(places.__getitem__, chain.from_iterable(texts)), np.int64, int(sizes.sum()))
    return Tokens(np.repeat(np.arange(len(texts)), sizes), word, len(texts), names)


def read(texts: Iterable[str]) -> Tokens:
    """Of texts as they were written."""
    return of([cleaning.read(text) for text in texts])


def together(parts: Sequence[Tokens]) -> Tokens:
    """All texts of some of the same names, one after the other."""
    first = np.cumsum([0, *(part.texts for part in parts)])
    text = np.concatenate([part.text + at for part, at in zip(parts, first.tolist(), strict=False)])
    return parts[0]._replace(text=text, word=np.concatenate([part.word for part in parts]), texts=int(first[-1]))
