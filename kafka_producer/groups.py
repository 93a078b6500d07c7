"""Groups of users with habits of their own, to be found again: what they are called, and what they do. Data only.

Shares and weights need not sum to 1. Hours are of the day, in UTC; weekdays begin with Monday.
"""

from typing import NamedTuple

WORKING, WEEKEND, EVERY = (6, 6, 6, 6, 6, 1, 1), (1, 1, 1, 1, 2, 8, 8), (1, 1, 1, 1, 1, 1, 1)
# Words, names and addresses of posts that belong to no group.
COMMON = (
    "today really finally again yesterday still just quite lovely tiny big new old happy tired thinking looking "
    "found tried bought love need want everyone friends morning weekend"
)
NAMES, ADDRESS = ("anna", "ben", "carla", "dev", "elif"), "https://shots.example"


class Shopping(NamedTuple):
    """How a group of shoppers behaves; `kinds` are weights of view, cart and purchase."""

    name: str
    categories: tuple[str, ...]
    kinds: tuple[int, int, int]
    hour: int
    weekdays: tuple[int, ...]
    away: int  # days since they were last seen, about
    span: int  # days from first to last event, about
    activity: float  # events, against other groups
    steps: float  # events a session
    quantity: float
    returned: float  # share of purchases that are sent back
    words: str  # those of its own that its posts have


class Surfing(NamedTuple):
    """How a group of browsing users behaves; `volume` is bytes a visit and `duration` seconds a visit, about."""

    name: str
    topics: tuple[str, ...]
    applications: tuple[str, ...]
    referrers: tuple[str, ...]
    volume: float
    duration: float
    visits: float  # against other groups


SHOPPERS = (
    Shopping(
        "wholesalers", ("Stationery", "Coffee & Tea"), (1, 1, 8), 9, WORKING, 4, 100, 1.3, 9, 24.0, 0.01,
        "invoice pallet bulk delivery supplier warehouse reorder margin wholesale stock"
        " freight forklift barcode ledger discount carton shipment customs quote broker inventory depot payment tender",
    ),
    Shopping(
        "evening browsers", ("Furniture", "Lighting"), (16, 3, 1), 20, EVERY, 2, 60, 1.2, 6, 1.0, 0.0,
        "lamp sofa corner warm shade living cosy wall renovation colour"
        " curtain cushion rug velvet shelf candle hallway paint mirror armchair oak bookcase wallpaper ceiling",
    ),
    Shopping(
        "weekend families", ("Toys", "Books"), (4, 3, 5), 14, WEEKEND, 9, 80, 1.0, 4, 2.0, 0.02,
        "kids puzzle bedtime story birthday playroom dinosaur train reading grandma"
        " blocks teddy crayons picnic school balloons toddler castle marbles pirate kite nursery swing fairy",
    ),
    Shopping(
        "one-time visitors", ("Audio",), (2, 1, 3), 12, EVERY, 75, 1, 0.5, 12, 1.0, 0.0,
        "speaker bass headphones vinyl wireless concert playlist volume studio turntable"
        " guitar amplifier melody drums remix album festival microphone chorus jazz podcast stereo encore lyrics",
    ),
    Shopping(
        "senders-back", ("Sports", "Beauty"), (3, 2, 8), 17, EVERY, 6, 90, 1.0, 3, 2.0, 0.3,
        "size shoes refund sneakers jacket running cream parcel exchange trail"
        " marathon yoga lipstick shampoo gym sweater zipper voucher cycling perfume sprint stretch lotion hiking",
    ),
    Shopping(
        "night gardeners", ("Garden",), (8, 1, 3), 2, EVERY, 15, 50, 0.8, 5, 3.0, 0.0,
        "seeds rose compost moon slugs herbs orchard greenhouse watering bloom"
        " tulip lavender pruning soil hedge tomato basil trellis mulch sunflower lawn pollen beehive harvest",
    ),
    Shopping(
        "pet owners", ("Pets",), (1, 1, 6), 7, WORKING, 10, 110, 0.9, 2, 5.0, 0.0,
        "puppy kitten treats walk kibble collar vet paws naughty litter"
        " leash whiskers hamster parrot aquarium fetch barking purring rabbit grooming tail terrier kennel feather",
    ),
    Shopping(
        "cart fillers", ("Kitchen",), (2, 9, 1), 22, WEEKEND, 25, 40, 0.8, 8, 1.0, 0.0,
        "recipe pan oven baking dinner bowl enamel roast kettle spices"
        " whisk dough garlic casserole pepper soup noodles pastry apron skillet saffron gravy cinnamon grill",
    ),
)  # fmt: skip

SURFERS = (
    Surfing("readers", ("News", "Reference"), ("Browser", "Reader"), ("Search", "Newsletter"), 4e5, 90, 1.0),
    Surfing("viewers", ("Video", "Music"), ("Video player", "Smart TV"), ("Social", "Portal"), 6e7, 1500, 0.8),
    Surfing("talkers", ("Social", "Messaging"), ("Messenger", "Mobile app"), ("Social", "Mail"), 2e6, 240, 1.6),
    Surfing("buyers", ("Shopping", "Travel"), ("Browser", "Shop app"), ("Advert", "Search"), 1.5e6, 400, 0.7),
    Surfing("players", ("Games", "Forums"), ("Game client", "Voice chat"), ("Forum", "Portal"), 2e7, 3000, 0.6),
    Surfing("workers", ("Cloud", "Finance"), ("Office suite", "Browser"), ("Intranet", "Mail"), 8e6, 900, 1.2),
)

# What a topic's domains are tagged with: the same, in other words.
TAGS = {
    "News": "press", "Reference": "encyclopedia", "Video": "streaming", "Music": "audio", "Social": "community",
    "Messaging": "chat", "Shopping": "retail", "Travel": "booking", "Games": "gaming", "Forums": "discussion",
    "Cloud": "hosting", "Finance": "banking",
}  # fmt: skip
# The domains that lead to others, by their category.
REFERRERS = {
    "Search": "find.example", "Newsletter": "letters.example", "Social": "circle.example", "Portal": "start.example",
    "Mail": "mail.example", "Advert": "ads.example", "Forum": "board.example", "Intranet": "home.example",
}  # fmt: skip
