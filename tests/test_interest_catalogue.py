"""Catalogues of a shop: what a group is offered, and what is said of a file that cannot be used."""

import pytest

from spark_app.interests import catalogue
from spark_app.interests.catalogue import WrongCatalogueError

HEADER = "group,product,name,link,image\n"


def read(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return catalogue.read(tmp_path)


def names(found):
    return [one["product"] for one in found]


def test_a_row_that_names_the_number_comes_before_those_that_name_a_keyword(tmp_path):
    rows = read(tmp_path, shop=f"{HEADER}espresso,P3,,,\nroast,P2,,,\n2,P1,Grinder,https://shop.example/1,p1.png\n3,P9,,,\n")
    found = catalogue.of_group(rows, 2, ["Roast", "espresso"])
    assert names(found) == ["P1", "P2", "P3"]
    assert found[0] == {
        "product": "P1", "name": "Grinder", "link": "https://shop.example/1", "image": "p1.png", "source": "catalogue"
    }  # fmt: skip
    assert found[1]["name"] is None and names(catalogue.of_group(rows, 2, ["roast"], most=1)) == ["P1"]


def test_files_are_read_in_the_order_of_their_names_and_a_product_is_offered_once(tmp_path):
    rows = read(tmp_path, b=f"{HEADER}1,P1,second,,\n", a="group,product,name\n01,P1,first\n")
    assert [one["name"] for one in catalogue.of_group(rows, 1, [])] == ["first"]


def test_what_is_bought_comes_behind_what_the_catalogue_has(tmp_path):
    rows = read(tmp_path, shop=f"{HEADER}1,P1,Grinder,,\n")
    bought = [{"product": one, "name": one, "link": None, "image": None, "source": "bought"} for one in ("P1", "P2")]
    older = {"product": "P8", "name": None, "link": None, "image": None, "source": "catalogue"}
    facts = {"group": 1, "label": "roast, milk", "keywords": [["roast", 0.4]], "products": [older, *bought]}
    assert names(catalogue.offered(rows, facts)) == ["P1", "P2"]
    rows = read(tmp_path, shop=f'{HEADER}"Roast, milk",P7,,,\n')
    assert names(catalogue.offered(rows, facts)) == ["P7", "P1", "P2"]


def test_without_a_folder_there_is_no_catalogue(tmp_path):
    assert catalogue.read(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grp,product\n", "line 1: 'grp,product': expected the columns group,product,name,link,image"),
        ("", "line 1: '': expected the columns"),
        (f"{HEADER}1,P1,,,\n,P2,,,\n", "line 3: group is empty: expected a number, or a keyword of the group"),
        (f"{HEADER}1,,,,\n", "line 2: product is empty: expected the id of a product"),
        (f"{HEADER}1,P1\n", "line 2: expected as many cells as the header has"),
        (f"{HEADER}1,P1,a,b,c,d\n", "line 2: expected as many cells as the header has"),
        (f"{HEADER}1,{'P' * 300},,,\n", "expected up to 256 signs on one line"),
        (f'{HEADER}1,P1,"two\nlines",,\n', "expected up to 2,048 signs on one line"),
        (f'{HEADER}1,P1,"open,,\n', "expected CSV"),
        (HEADER.encode() + b"1,P1,\xff,,\n", "line 2: not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(WrongCatalogueError) as refused:
        read(tmp_path, shop=text)
    assert str(refused.value).startswith(str(tmp_path / "shop.csv")) and said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("https://shop.example/1", True), ("http://shop.example", True), ("javascript:alert(1)", False), ("", False),
     ("shop.example", False), ("https://", False), ("https://ann:pw@shop.example", False), ("http://[", False),
     (None, False)],
)  # fmt: skip
def test_only_an_address_of_the_web_can_be_followed(text, is_one):
    assert catalogue.is_address(text) is is_one
