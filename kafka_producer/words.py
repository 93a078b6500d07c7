"""The words a simulated shop is named with, and what its categories cost. Data only.

A product's name is one word of each of its category's three lists: Oak + Reading + Lamp.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A shelf: its median price, how much of the catalogue it holds, and whether its goods are used up."""

    name: str
    price: float
    share: float
    used_up: bool
    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _category(name: str, price: float, share: float, *lists: str, used_up: bool = False) -> Category:
    first, second, third = map(_words, lists)
    return Category(name, price, share, used_up, (first, second, third))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORIES = (
    _category(
        "Lighting", 39, 0.09,
        "Oak Brass Linen Copper Smoked Ivory Bamboo Matte",
        "Reading Desk Bedside Floor Pendant Wall",
        "Lamp Light Lantern Sconce Spotlight",
    ),
    _category(
        "Furniture", 149, 0.07,
        "Walnut Ash Rattan Velvet Birch Steel Teak Pine",
        "Corner Dining Lounge Hallway Nesting Folding",
        "Chair Table Stool Shelf Bench",
    ),
    _category(
        "Kitchen", 24, 0.12,
        "Enamel Cast-Iron Stoneware Copper Glass Olive-Wood Steel Speckled",
        "Baking Serving Mixing Roasting Everyday Family",
        "Bowl Pan Dish Board Kettle",
    ),
    _category(
        "Coffee & Tea", 11, 0.09,
        "Ethiopian Colombian Darjeeling Sumatra Assam Kenyan Highland Café",
        "Morning Dark Organic Smoky Floral Decaf",
        "Roast Blend Leaves Espresso Infusion",
        used_up=True,
    ),
    _category(
        "Books", 16, 0.12,
        "Northern Forgotten Little Endless Secret Illustrated Quiet Modern",
        "Garden River Kitchen Harbour Mountain City",
        "Atlas Stories Companion Mysteries Handbook",
    ),
    _category(
        "Toys", 22, 0.08,
        "Wooden Magnetic Rainbow Cuddly Tiny Giant Painted Clockwork",
        "Forest Railway Pirate Farm Dinosaur Castle",
        "Puzzle Blocks Set Playhouse Train",
    ),
    _category(
        "Garden", 29, 0.08,
        "Terracotta Zinc Willow Galvanised Cedar Slate Mossy Rustic",
        "Herb Balcony Patio Rose Orchard Greenhouse",
        "Planter Trellis Trowel Basket Bird-Feeder",
    ),
    _category(
        "Sports", 45, 0.08,
        "Carbon Alpine Featherlight Trail Junior Pro Reflective Hydro",
        "Running Climbing Cycling Yoga Swimming Tennis",
        "Shoes Backpack Gloves Mat Jacket",
    ),
    _category(
        "Beauty", 14, 0.09,
        "Lavender Rose Sea-Salt Almond Crème Honey Cedar Aloe",
        "Hand Night Calming Daily Repair Glow",
        "Cream Soap Serum Oil Mask",
        used_up=True,
    ),
    _category(
        "Pets", 18, 0.06,
        "Salmon Chicken Duck Lamb Crunchy Puppy Senior Kitten",
        "Grain-Free Dental Training Country Gourmet Light",
        "Treats Kibble Sticks Bites Pâté",
        used_up=True,
    ),
    _category(
        "Stationery", 9, 0.07,
        "Marbled Leather Kraft Indigo Dotted Gilded Recycled Pastel",
        "Travel Weekly Pocket Sketch Letter Study",
        "Notebook Planner Pen Folder Journal",
    ),
    _category(
        "Audio", 79, 0.05,
        "Walnut Wireless Vintage Compact Studio Titanium Retro Silent",
        "Bluetooth Bookshelf Over-Ear Travel Party Kitchen",
        "Speaker Headphones Radio Turntable Soundbar",
    ),
)  # fmt: skip

BRANDS = _words(
    "Alder&Co Brightwell Casanova Dunmore Ember Fjällhus Greenlane Hearthside Ironbark Juniper "
    "Kestrel Lumière Maisonvert Northgate Oakhaven Pemberton Quillon Rosewood Saltmarsh Tallow "
    "Umbra Vallée Westbrook Xenia Yarrow Zephyr Amberly Birchwood Copperfield Drift "
    "Elmsworth Foxglove Grönberg Halcyon Isla Jasper Kindling Lindqvist Marlow Nordwind"
)

FIRST_NAMES = _words(
    "Ann Ben Clara David Emma Felix Greta Hugo Ines Jonas Katya Liam Mia Noah Olga Pablo "
    "Quinn Rosa Sven Tara Uma Viktor Wanda Xavier Yara Zoë Amir Bianca Chloé Dmitri Elif José"
)
LAST_NAMES = _words(
    "Adler Becker Costa Dubois Eriksen Fischer García Hughes Ivanov Jensen Kowalski Laurent Müller Novak "
    "O'Brien Petrov Quist Rossi Santos Takeda Ueda Virtanen Weber Xu Yilmaz Zhang"
)
CITIES = (
    "Amsterdam", "Athens", "Barcelona", "Berlin", "Bristol", "Copenhagen", "Dublin", "Edinburgh", "Ghent", "Helsinki",
    "Kraków", "Lisbon", "London", "Lyon", "Malmö", "Milan", "Munich", "Oslo", "Paris", "Porto",
    "Prague", "Riga", "Vienna", "Warsaw", "Zürich",
)  # fmt: skip
