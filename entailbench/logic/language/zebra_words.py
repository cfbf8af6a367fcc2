"""The vocabulary of grid puzzles: kinds of category, the verbs that speak of them, and words that hint at them.

The lists of words are hints only: they decide where verbs and counting leave a choice, and never against them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["GENERAL_ROLES", "HINTS", "KINDS", "KIND_NOUNS", "ROLES", "Kind", "role_of"]


@dataclass(frozen=True)
class Kind:
    """A kind of category."""

    nouns: tuple[str, ...]
    """What a puzzle calls it, singular."""
    roles: frozenset[str]
    """How its values can be spoken of, apart from bare mention: keys of ``ROLES``, or verbs."""


def _kind(nouns: str, roles: str) -> Kind:
    return Kind(tuple(nouns.split()), frozenset(roles.split()))


KINDS: dict[str, Kind] = {
    "name": _kind("name", "person resident be"),
    "nationality": _kind("nationality", "person resident be"),
    "job": _kind("job profession occupation career trade", "person resident be"),
    "colour": _kind("color colour", "house paint like be"),
    "pet": _kind("pet animal", "own like resident ride"),
    "drink": _kind("drink beverage", "drink like"),
    "smoke": _kind("cigar cigarette tobacco smoke", "smoke like"),
    "food": _kind("food meal dish snack dessert", "eat like cook"),
    "chocolate": _kind("chocolate candy sweet", "eat like"),
    "fruit": _kind("fruit", "eat like plant"),
    "plant": _kind("plant flower berry vegetable tree crop", "plant like own eat"),
    "car": _kind("car vehicle automobile", "drive own like park"),
    "hobby": _kind("hobby sport pastime activity game", "play like"),
    "instrument": _kind("instrument", "play own like"),
    "music": _kind("music", "listen like play"),
    "book": _kind("book newspaper magazine", "read like own"),
    "subject": _kind("subject language", "study teach speak like"),
    "destination": _kind("destination holiday vacation place city trip", "go like"),
}
"""By name; where a verb alone shows that there is a category, the first kind that takes it is meant."""

KIND_NOUNS: dict[str, str] = {noun: name for name, kind in KINDS.items() for noun in kind.nouns}

GENERAL_ROLES = frozenset({"own", "like"})
"""Roles that any kind can have which is not in ``KINDS``."""

ROLES: dict[str, str] = {
    verb: role
    for role, verbs in {
        "drink": "drink drunk drank consume drinker",
        "smoke": "smoke smoker",
        "own": "own keep rear breed raise has have kept bred owner keeper breeder holder with",
        "eat": "eat eaten eater",
        "plant": "plant grow grown cultivate grower planter",
        "drive": "drive driven driver",
        "park": "park",
        "like": "like love prefer enjoy favor favour lover fan",
        "play": "play practise practice player",
        "wear": "wear worn wearer",
        "listen": "listen",
        "read": "read reader",
        "study": "study",
        "cook": "cook",
        "collect": "collect",
        "speak": "speak",
        "teach": "teach",
        "use": "use",
        "ride": "ride",
        "go": "go want travel visit would",
        "be": "work",
        "inside": "resident inhabitant occupant tenant",
        "paint": "paint color colour",
        "": "find found locate",
    }.items()
    for verb in verbs.split()
}
"""A verb's base form, participle or agent noun → what it says about its object."""


def role_of(verb: str) -> str:
    """The role that a verb phrase, participle, gerund or agent noun gives to its value; empty for none.

    ``role_of("wants to go to") == "go"``, ``role_of("drinkers") == "drink"``.
    """
    lowered = verb.lower()
    if lowered.endswith("to visit"):
        return "go"
    word = lowered.split(" ")[0]
    for form in _base_forms(word):
        if form in ROLES:
            return ROLES[form]
    return word


def _base_forms(word: str) -> tuple[str, ...]:
    """What a verb's form may be the form of, the likeliest first."""
    stem = re.sub(r"(?:ing|ed|es|s)$", "", word)
    return word, re.sub(r"s$", "", word), stem, stem + "e", re.sub(r"i$", "y", stem)


_HINTS = {
    "nationality": """
        american argentine argentinian australian austrian belgian brazilian brit british briton bulgarian canadian
        chilean chinese colombian croat croatian cuban czech dane danish dutch dutchman egyptian english englishman
        estonian ethiopian finn finnish french frenchman german greek hungarian icelander indian indonesian iranian
        irish irishman israeli italian japanese kenyan korean latvian lithuanian mexican moroccan nigerian norwegian
        pakistani peruvian pole polish portuguese romanian russian scot scotsman scottish serb slovak slovene spaniard
        spanish swede swedish swiss thai turk turkish ukrainian vietnamese welsh welshman
    """,
    "colour": """
        amber aqua azure beige black blue bronze brown burgundy coral cream crimson cyan emerald gold golden gray
        green grey indigo ivory khaki lavender lilac lime magenta maroon mauve navy ochre olive orange pink purple red
        rose ruby salmon scarlet silver tan teal turquoise violet white yellow
    """,
    "pet": """
        alligator ant bear bee bird budgie bulldog bunny butterfly camel canary cat chameleon chicken chinchilla
        cockatoo cow crocodile crow dog donkey duck eagle elephant falcon ferret fish fox frog gecko gerbil
        giraffe goat goldfish goose hamster hare hawk hedgehog hen horse iguana kangaroo kitten lamb lion lizard
        llama lynx mole monkey mouse otter owl ox panda parrot peacock penguin pig pigeon pony puppy rabbit rat
        raven rooster salamander sheep skunk snail snake spider squirrel swan tiger toad tortoise turtle wolf
        wombat zebra
    """,
    "drink": """
        absinthe ale beer brandy champagne cider cocoa coffee cognac cola espresso gin juice
        kefir lemonade lager milk port rum sake sherry smoothie soda tea tequila vodka water whiskey whisky wine
    """,
    "job": """
        accountant actor actress architect artist baker barber butcher carpenter chef clerk cook dentist designer
        diplomat doctor electrician engineer farmer fireman fisherman florist gardener journalist judge lawyer librarian
        mechanic musician nurse painter photographer physician pianist pilot plumber policeman postman professor sailor
        scientist sculptor singer soldier surgeon tailor teacher vet violinist waiter writer
    """,
    "hobby": """
        archery athletics badminton baking ballet baseball basketball billiards bowling boxing chess cooking cricket
        cycling dancing drawing fencing fishing football gardening golf gymnastics handball hiking hockey jogging judo
        karate knitting painting photography pottery reading rowing rugby running sailing singing skating skiing
        snooker soccer squash surfing swimming tennis volleyball wrestling yoga riding climbing
    """,
    "destination": """
        australia austria brazil canada china cuba egypt england florida france germany greece hawaii iceland india
        ireland italy japan kenya london malta maldives mexico morocco norway paris peru portugal rome russia scotland
        spain sweden switzerland thailand turkey vietnam
    """,
    "smoke": "camel chesterfield kent kool lucky marlboro parliament rothmans winston",
    "food": "bread burger cake cheese curry lasagna noodles omelette pasta pizza rice salad sandwich soup steak stew",
    "fruit": "apple apricot banana cherry fig kiwi lemon mango melon orange papaya peach pear pineapple plum",
    "plant": "aster daffodil daisy fern ivy jasmine lily marigold orchid poppy rose sunflower tulip violet",
    "instrument": "cello clarinet drum flute guitar harp oboe organ piano saxophone trombone trumpet viola violin",
    "music": "blues classical country jazz opera pop reggae rock techno",
    "car": "audi bentley bmw buick chevrolet fiat ford honda jaguar lexus mazda mercedes nissan opel "
    "porsche renault skoda tesla toyota volkswagen volvo",
}

HINTS: dict[str, frozenset[str]] = {}
"""A word, singular and lower-case → the kinds that it suggests."""
for _name, _words in _HINTS.items():
    for _word in _words.split():
        HINTS[_word] = HINTS.get(_word, frozenset()) | {_name}
