"""Given names of many origins; none is an English word, and none begins another."""

from __future__ import annotations

import random
import string

from entailbench.logic.language.english import FUNCTION_WORDS

__all__ = ["NAMES", "PRONOUNS", "draw_names", "pronoun"]

_WOMEN = """
Adaeze Agnieszka Aigul Ailsa Aisha Alejandra Amina Anahera Anika Anouk Aroha Asuka Astrid Aylin Beatriz Berit Bronwen
Camila Chiara Chloe Ciara Cristina Dalia Danuta Divya Dunja Ebru Edith Efua Eilidh Ekaterina Elif Esther Ewa Farah Fatou
Fernanda Fiona Freya Gabriela Gita Giulia Greta Gulnara Hana Heidi Helga Ikram Ilse Imani Indira Ines Ingrid Irena
Ivana Izabela Jelena Junko Kamala Kaori Katarina Keiko Khadija Lakshmi Latifa Leilani Linh Ludmila Lupita Maeve Mariam
Marta Meera Milena Miriam Moana Monika Nadia Naledi Natsuki Nuria Oksana Olga Paloma Parisa Petra Priya Rania Renata
Roksana Rosalia Saoirse Selma Shirin Sigrid Silvia Sinead Sofia Sunita Svetlana Tamar Tatiana Thandi Ulrika Urszula
Valentina Wanjiru Ximena Yael Yara Yasmin Yelena Yoko Zahra Zainab Zeynep Zsofia Zuri
"""
_MEN = """
Abebe Ahmet Akira Alvaro Amadou Amaru Amir Anders Arash Arjun Aslan Ayodele Baraka Behrouz Benedikt Bilal Bogdan
Borislav Bruno Carlos Cedric Chidi Daichi Dario Dewi Diego Dimitri Eero Emeka Emre Enzo Farid Felix Femi
Giorgos Goran Guillermo Gustavo Hakan Hamza Haruto Hassan Hiroshi Hugo Ibrahim Isamu Jamal Jarek Javier Jomo Jorge
Juhani Karim Kenji Kofi Kwame Lars Lorenzo Luca Magnus Mahmoud Makoto Malik Manuel Marek Mateus Matteo Mehmet Mihai Minh
Musa Nikhil Nikolai Nils Obinna Omar Orhan Otto Pablo Paolo Pavel Pedro Pekka Piotr Quan Rachid Rafael Ravi Roberto
Rune Ryota Samir Sandeep Santiago Sergei Sibusiso Soren Stefan Taavi Tadesse Takumi Tariq Temesgen Thiago Tiberiu
Tomasz Tuan Tunde Umut Vasilis Vikram Viktor Vusi Wojciech Xavier Yanni Yusuf Zoltan
"""

PRONOUNS = {name: pronoun for names, pronoun in ((_WOMEN, "she"), (_MEN, "he")) for name in names.split()}
NAMES: tuple[str, ...] = tuple(sorted(PRONOUNS))

_LETTERS = string.ascii_uppercase.replace("I", "")
"""No "I": it speaks of itself."""
_WORDS = FUNCTION_WORDS | {"state", "states", "tell", "tells", "later", "taller", "tall", "small", "smaller", "poor"}
"""What no name may be; among the words of puzzles, those that the syllables below can make."""
_ONSETS = "B Bl Br Ch D Dr F Fr G Gl H J K Kr L M N P Pr R S Sh St T Tr V W Y Z".split()  # noqa: SIM905
_INNER = "b d dr g k l ll m mb n nd nn r rr s sh t v z".split()  # noqa: SIM905
_VOWELS = "a e i o u".split()  # noqa: SIM905
_ENDS = ["", "", "", "l", "n", "r", "s", "k", "m", "sh"]


def draw_names(rng: random.Random, size: int, wide: bool, letters: bool = True) -> tuple[str, ...]:
    """So many names, in any order: given names; in wide wording perhaps single letters, or names made up."""
    chance = rng.random() if wide else 1.0
    if letters and chance < 0.35:
        start = 0 if rng.random() < 0.5 else rng.randrange(len(_LETTERS) - size + 1)
        return tuple(rng.sample(_LETTERS[start : start + size], size))
    if chance < 0.6:
        return _made_up(rng, size)
    return tuple(rng.sample(NAMES, size))


def pronoun(name: str) -> str:
    """ "he" or "she"; a made-up name has one as well, always the same."""
    return PRONOUNS.get(name) or ("she" if name.endswith(("a", "e", "i")) else "he")


def _made_up(rng: random.Random, size: int) -> tuple[str, ...]:
    found: list[str] = []
    while len(found) < size:
        name = rng.choice(_ONSETS) + rng.choice(_VOWELS)
        for _ in range(rng.choice((1, 1, 2))):
            name += rng.choice(_INNER) + rng.choice(_VOWELS)
        name += rng.choice(_ENDS)
        if name.lower() in _WORDS:
            continue
        if not any(name.startswith(other) or other.startswith(name) for other in found):
            found.append(name)
    return tuple(found)
