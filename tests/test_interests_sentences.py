"""The encoder of sentence-transformers: its real loading code on a tiny model that is made here; nothing is mocked."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spark_app.blocks import Interests
from spark_app.interests import encoders, model, sentences
from spark_app.interests.making import made

ROSES, MOONS = "roses bloom in the garden", "the moon shines at night"
WORDS = [*dict.fromkeys(f"{ROSES} {MOONS}".split())]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """A folder with a BERT of random weights that knows a few words."""
    pytest.importorskip("sentence_transformers", reason="requirements-interests.txt is not installed")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    home = tmp_path_factory.mktemp("tiny")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (home / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    torch.manual_seed(7)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(home / "bert")
    BertTokenizer(str(home / "vocab.txt")).save_pretrained(home / "bert")
    read = Transformer(str(home / "bert"))
    SentenceTransformer(modules=[read, Pooling(read.get_word_embedding_dimension())]).save(str(home / "model"))
    return str(home / "model")


def test_points_have_length_1_and_no_words_none(tiny):
    found = sentences.loaded(tiny)
    points = found.encode([ROSES, MOONS, ""])
    assert points.shape == (3, 32) == (3, found.dimensions)
    assert np.linalg.norm(points, axis=1) == pytest.approx([1, 1, 0], abs=1e-5)
    assert points[0] @ points[1] < 0.999


def test_a_kept_encoder_says_where_its_model_is(tiny, tmp_path):
    sentences.loaded(tiny).save(tmp_path)
    assert encoders.load(tmp_path).encode([ROSES]) == pytest.approx(sentences.loaded(tiny).encode([ROSES]))


def test_groups_are_found_with_it(tiny, tmp_path):
    random = np.random.default_rng(7)
    texts = [" ".join(random.permutation(text.split())[:4]) for text in [ROSES, MOONS] * 40]
    found = made(Interests(encoder="sentences", sentences_model=tiny), texts, k=2, seed=7)
    found.save(tmp_path)
    groups = [one.group or one.nearest for one in model.load(tmp_path).assign([ROSES, MOONS])]
    assert sorted(groups) == [1, 2]
    assert found.said["encoder"] == "sentences"


def test_a_model_that_is_not_there_is_named_in_one_line(tiny):  # noqa: ARG001
    with pytest.raises(sentences.MissingError, match="no model of sentence-transformers at '/nowhere/at-all'"):
        sentences.loaded("/nowhere/at-all")


def test_a_package_that_is_not_there_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(sentences.MissingError, match=r"pip install -r requirements-interests\.txt"):
        sentences.loaded("some-model-that-was-never-loaded")


def test_only_who_chooses_it_loads_it():
    assert "sentence_transformers" not in Path(encoders.__file__).read_text("utf-8")
