import json

import pytest

from spark_app import layouts
from spark_app.layouts import UnknownHeaderError, recognise

HEADERS = {
    "online_retail": "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
    "online_retail_ii": "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
    "rees46": "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
    "movielens": "userId,movieId,rating,timestamp",
    "plain": "user,product,quantity,timestamp",
    "posts": "user,post_text,image,timestamp",
    "browsing": (
        "user_id,category_name,application_name,domain_tags,domain,volume,duration,server_ip,referer_category,"
        "referer_domain"
    ),
}


@pytest.mark.parametrize(("name", "header"), HEADERS.items())
def test_a_layout_is_known_by_its_header_in_any_order_and_with_blanks(name, header):
    turned = " , ".join(reversed(header.split(",")))
    assert [recognise(header, {}).name, recognise(turned, {}).name] == [name, name]


def test_columns_that_need_not_be_there_may_be_missing():
    assert recognise("user,post_text", {}).name == "posts"
    assert recognise("user,product", {}).name == "plain"


def test_an_unknown_header_is_printed_with_a_mapping_that_works_when_copied():
    header = "order_date,customer_no,sku,qty,colour"
    with pytest.raises(UnknownHeaderError) as refusal:
        recognise(header, {})
    assert repr(header) in str(refusal.value)
    mapping = json.loads(str(refusal.value).partition("MILLSTREAM_COLUMNS='")[2].removesuffix("'"))
    assert mapping == {"user": "customer_no", "product": "sku", "quantity": "qty", "timestamp": "order_date"}
    assert recognise(header, mapping).name == "columns"


def test_a_column_that_is_there_twice_is_named():
    with pytest.raises(UnknownHeaderError, match="'user' twice"):
        recognise("user,user,product", {})


def test_what_a_mapping_does_not_name_becomes_a_property():
    layout = recognise("Kunde,Artikel,Farbe", {"user": "Kunde", "product": "Artikel"})
    assert set(layout.properties) == {"Farbe"}
    assert "'Farbe', row.c2" in layouts.candidate(layout, "Kunde,Artikel,Farbe", "row")
