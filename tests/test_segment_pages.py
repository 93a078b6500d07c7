"""The page of segments, run as Streamlit runs it, against kept segments that were made by hand."""

import pytest
import segmented
from conftest import settings_for
from test_pages import api, shown, words

from spark_app.web import segment_charts

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("api")
NASTY = "<script>taken()</script>"


def tables(tested):
    assert not tested.exception
    return [table.value for table in tested.dataframe]


def test_segments_are_shown_with_how_real_they_are_and_how_many_of_their_users(tmp_path):
    segmented.keep(settings_for(tmp_path), segmented.planted(2000))
    tested = shown("segments")
    (told,) = tables(tested)
    assert told["segment"].tolist() == [1, 2, 3, 4]
    assert told["users"].sum() == 2000 and told["strategy"][1] == "Write in November"
    assert "800 of 2,000 users shown" in words(tested)
    assert tested.success[0].value.replace("\\", "").startswith("Silhouette 0.41: the users fall into 4 groups")
    (methods,) = tables(shown("segments", view="number"))
    assert methods.set_index("method")["linkage"].to_dict() == {"k-means": "", "Agglomerative": "complete"}


def test_one_segment_is_told_in_full_and_the_address_leads_there(tmp_path):
    segmented.of(settings_for(tmp_path), features="browsing", correlations=segmented.CORRELATIONS)
    tested = shown("segments", segment="2", method="agglomerative")
    apart, tops = tables(tested)[1:3]
    assert apart.to_dict("records") == [{"feature": "money", "mean": "2", "of all users": "2", "times": "1 ×"}]
    assert tops["product"].tolist() == ["P2", "P9"] and "2" in tested.query_params["segment"]
    assert "Put together: category_name for domain_tags (0.98)" in words(shown("segments", view="means"))


def test_features_that_no_segments_are_kept_of_say_the_command(tmp_path):
    segmented.of(settings_for(tmp_path))
    tested = shown("segments", features="factors")
    assert "No segments by the model's factors are kept yet" in words(tested)
    assert "python -m spark_app segments --features factors" in words(tested)


def test_users_without_any_structure_are_said_to_have_none(tmp_path):
    said = {"found": False, "words": "2 users: too few to form groups"}
    alone = {name: {"k": 1, "silhouette": None, "sizes": {"1": 2}} for name in ("kmeans", "agglomerative")}
    segmented.of(
        settings_for(tmp_path), {"ann": 1, "bob": 1}, structure=said, k=1, tried=[], methods=alone, agreement=None,
        dendrogram={"merges": [], "leaves": [2], "linkage": "complete"}, silhouette_users=0, variance_kept=None,
        chosen_by="there are too few", components=0, variance=[],
    )  # fmt: skip
    tested = shown("segments")
    assert not shown("segments", view="means").exception and not shown("segments", view="number").exception
    assert not tested.exception and "2 users: too few to form groups" in tested.warning[0].value.replace("\\", "")


def test_whatever_a_segment_is_called_is_text(tmp_path):
    settings = settings_for(tmp_path)
    found = segmented.summary(segmented.planted(50))["segments"]
    for some in found.values():
        for one in some:
            one |= {"label": NASTY, "strategy": NASTY, "top_products": [{"product": NASTY, "name": NASTY}]}
    segmented.keep(settings, segmented.planted(50), segments=found)
    tested = shown("segments", segment="1")
    assert not tested.exception and not [part for part in tested.markdown if "<script>" in str(part.value)]
    figure = segment_charts.placed([], found["kmeans"], [])
    assert "<" not in figure.data[0].name
