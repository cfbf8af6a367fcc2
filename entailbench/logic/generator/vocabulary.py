"""What stands in the houses of a grid, and how it is spoken of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATEGORIES", "Category"]


@dataclass(frozen=True)
class Category:
    """Things of one kind, of which each house has another; ``{0}`` in a wording is the thing's name."""

    noun: str
    """What the kind is called."""
    values: tuple[str, ...]
    persons: tuple[str, ...]
    """How the person is called who lives with it; the first is the plain one."""
    does: tuple[tuple[str, str], ...]
    """What that person does: ("drinks {0}", "does not drink {0}")."""
    asks: tuple[str, ...]
    """The same after "Does …", e.g. "drink {0}"; empty where one asks "Is …"."""
    found: tuple[str, ...] = ()
    """How it is said where the thing itself is, before a house: "{0} is drunk in"."""


CATEGORIES: tuple[Category, ...] = (
    Category(
        "name",
        (
            "Amina",
            "Bruno",
            "Chloe",
            "Dario",
            "Elif",
            "Felix",
            "Greta",
            "Hugo",
            "Ines",
            "Jamal",
            "Keiko",
            "Lars",
            "Priya",
        ),
        ("{0}",),
        (("is {0}", "is not {0}"),),
        (),
    ),
    Category(
        "nationality",
        (
            "Dane",
            "Swede",
            "Finn",
            "Greek",
            "Turk",
            "Norwegian",
            "Spaniard",
            "Italian",
            "Kenyan",
            "Peruvian",
            "Canadian",
        ),
        ("the {0}",),
        (("is the {0}", "is not the {0}"),),
        (),
    ),
    Category(
        "job",
        ("baker", "dentist", "engineer", "gardener", "lawyer", "nurse", "painter", "pilot", "plumber", "tailor"),
        ("the {0}",),
        (("is the {0}", "is not the {0}"),),
        (),
    ),
    Category(
        "color",
        ("red", "green", "blue", "yellow", "white", "black", "purple", "orange", "brown", "pink"),
        ("the person in the {0} house", "the owner of the {0} house"),
        (("lives in the {0} house", "does not live in the {0} house"),),
        ("live in the {0} house",),
    ),
    Category(
        "pet",
        ("cat", "dog", "horse", "parrot", "rabbit", "goldfish", "hamster", "turtle", "canary", "goat"),
        ("the person who owns the {0}", "the owner of the {0}", "the {0} owner", "the person with the {0}"),
        (("owns the {0}", "does not own the {0}"), ("keeps the {0}", "does not keep the {0}")),
        ("own the {0}", "keep the {0}"),
    ),
    Category(
        "drink",
        ("tea", "coffee", "milk", "water", "lemonade", "cocoa", "cider", "beer", "soda"),
        ("the person who drinks {0}", "the {0} drinker"),
        (("drinks {0}", "does not drink {0}"),),
        ("drink {0}",),
        ("{0} is drunk in",),
    ),
    Category(
        "fruit",
        ("apples", "bananas", "cherries", "figs", "lemons", "mangos", "melons", "pears", "plums"),
        ("the person who eats {0}",),
        (("eats {0}", "does not eat {0}"),),
        ("eat {0}",),
        ("{0} are eaten in",),
    ),
    Category(
        "flower",
        ("roses", "tulips", "daisies", "lilies", "orchids", "sunflowers", "marigolds", "poppies"),
        ("the person who grows {0}", "the person growing {0}"),
        (("grows {0}", "does not grow {0}"),),
        ("grow {0}",),
        ("{0} are grown in",),
    ),
    Category(
        "sport",
        ("tennis", "golf", "football", "hockey", "rugby", "cricket", "badminton", "basketball", "volleyball"),
        ("the person who plays {0}", "the {0} player"),
        (("plays {0}", "does not play {0}"),),
        ("play {0}",),
    ),
)
