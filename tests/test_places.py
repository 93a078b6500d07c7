"""A path of a copy tells its place in a bucket, and the other way round."""

from pathlib import Path

import pytest

from spark_app.settings import Given
from spark_app.storage import places
from spark_app.storage.places import Place

COPIES = Path("/var/copies")


@pytest.mark.parametrize("text", ["s3a://shop/data/today", "s3://shop/data/today/", Path("s3a://shop/data/today")])
def test_a_place_is_known_by_its_text_also_where_a_path_has_lost_a_slash(text):
    assert places.parse(text) == Place("shop", "data/today")


@pytest.mark.parametrize("text", ["data", "/data/s3a:", "s3a://", "https://shop/data", None])
def test_all_else_is_of_this_machine(text):
    assert not places.is_one(text)


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9000"])
def test_a_copy_leads_back_to_its_place(endpoint):
    place = Place("shop", "data/today", endpoint)
    assert places.behind(places.copy_of(place, COPIES), COPIES, endpoint) == place
    assert places.behind(Path("/var/data"), COPIES, endpoint) is None


def test_buckets_of_one_name_at_two_services_have_two_copies():
    shop = Place("shop", "data")
    assert places.copy_of(shop, COPIES) != places.copy_of(shop._replace(endpoint="http://127.0.0.1:9000"), COPIES)


def test_a_folder_in_a_bucket_is_worked_on_in_its_copy_and_shown_by_its_own_name():
    settings = Given(data_dir="s3a://shop/data", s3={"copies": COPIES})
    assert settings.data_dir == COPIES / "aws" / "shop" / "data"
    assert settings.place(settings.data_dir / "events") == Place("shop", "data/events")
    assert settings.told(settings.data_dir / "events") == "s3a://shop/data/events"
    assert settings.place(settings.results_dir) is None and settings.told(settings.results_dir) == "results"


@pytest.mark.parametrize("text", ["s3a://", "hdfs://namenode/data", "gs://shop/data", "https://shop/data"])
def test_a_place_of_another_kind_is_refused_and_made_no_folder_of(text):
    with pytest.raises(ValueError, match="expected a folder or s3a://bucket/key"):
        Given(results_dir=text)
