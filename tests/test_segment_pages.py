"""The page of segments, run as Streamlit runs it, against kept segments that were made by hand."""

import pytest
import segmented
from conftest import settings_for
from sold import Sold, table
from test_pages import api, shown, words

from spark_app.storage import tables as tables_
from spark_app.web import asking, segment_charts
from spark_app.web.asking import Trouble

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
    assert told["users"].sum() == 2000 and told["segment name"][1] == "Comes for Christmas"
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


class Half:
    """The API, of which some is answered by hand."""

    def __init__(self, api, **answers):
        self.api, self.answers, self.asked = api, answers, []

    def __getattr__(self, name):
        return self.answered(name) if name in self.answers else getattr(self.api, name)

    def answered(self, name):
        def answer(*path, **named):
            self.asked.append((name, *path, *named.items()))
            found = self.answers[name]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def test_who_came_after_the_training_is_shown_with_the_segment_they_are_in(tmp_path, api, monkeypatch):
    segmented.of(settings_for(tmp_path), {"eve": 2, "ann": 1})
    unknown = Trouble("unknown", "of this user no event was taken in")
    half = Half(
        api, history=unknown, similar_users=unknown, users={"users": []},
        recommendations={"source": "segment", "age_seconds": 5, "folded_in": 0, "removed": {}, "recommendations": []},
    )  # fmt: skip
    monkeypatch.setattr(asking, "_at", lambda *_: half)
    tested = shown("user", user="eve")
    assert not tested.exception and "eve is not known" in words(tested) and "Write in November" in words(tested)
    half.answers["segments_of"] = unknown
    assert len(shown("user", user="eve").warning) == 1


GRAPH = {
    "generation": "one", "shown": {"users": 0, "products": 0, "edges": 0}, "found": {"users": 0, "products": 0},
    "all": {"users": 9, "products": 9}, "vertices": [], "edges": [],
}  # fmt: skip
LARGEST = {
    "generation": "one", "all": 300,
    "communities": [{"community": 3, "users": 5, "products": 4, "hubs": [{"product": "lamp", "name": None}]}],
}  # fmt: skip


def test_a_community_that_is_none_of_the_largest_is_asked_for_until_another_generation_comes(api, monkeypatch):
    half = Half(api, communities=LARGEST, graph=GRAPH)
    monkeypatch.setattr(asking, "_at", lambda *_: half)
    tested = shown("graph", community="150")
    assert not tested.exception and tested.selectbox(key="community").value == 150
    assert tested.selectbox(key="community").options == ["150", "3: lamp"]
    assert ("community", 150) in half.asked[-1] and tested.run().selectbox(key="community").value == 150
    half.answers["communities"] = LARGEST | {"generation": "two"}
    tested.run()
    assert not tested.exception and tested.selectbox(key="community").value is None
    assert ("community", None) in half.asked[-1] and "community" not in tested.query_params


def test_what_rises_in_a_segment_is_chosen_and_the_address_holds_it(tmp_path):
    settings = settings_for(tmp_path)
    assert not shown("trending").selectbox
    users = {f"u{of}": 1 + of % 2 for of in range(40)}
    before = [Sold(user, product, 8.0) for user in users for product in ("chair", "lamp")]
    late = [Sold(user, ("chair", "lamp")[segment - 1], 1.0) for user, segment in users.items()]
    table(tables_.path(settings, tables_.EVENTS), [*before, *late])
    segmented.of(settings, users)
    tested = shown("trending", segment="2")
    assert tables(tested)[0]["label"].tolist() == ["lamp"] and "faster than segment 2 as a whole" in words(tested)
    whose = tested.selectbox(key="whose")
    assert whose.options == ["Everyone", "Segment 1 Buys often, by behaviour",
                             "Segment 2 Comes for Christmas, by behaviour"]  # fmt: skip
    assert tables(whose.set_value("behaviour 1").run())[0]["label"].tolist() == ["chair"]
    assert (tested.query_params["segment"], tested.query_params["features"]) == ("1", "behaviour")
    whose.set_value("").run()
    assert "faster than the shop" in words(tested) and "segment" not in tested.query_params
    assert "there is no segment 7 by behaviour: expected one of 1, 2" in words(shown("trending", segment="7"))
