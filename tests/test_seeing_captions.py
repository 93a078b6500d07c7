"""Captions by a model of Hugging Face: loaded from a folder by the real code, here a tiny BLIP with made-up weights."""

import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="captions need requirements-interests.txt")
transformers = pytest.importorskip("transformers", reason="captions need requirements-interests.txt")

from spark_app.interests.seeing import captions  # noqa: E402 - after what it needs
from spark_app.interests.seeing.captions import CaptionError  # noqa: E402

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "kitten", "with", "lamp", "green", "wall")
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of this kind, small enough to be made and loaded at once."""
    home = tmp_path_factory.mktemp("captions")
    words = transformers.BertTokenizer(vocab={word: place for place, word in enumerate(WORDS)})
    text = SIZES | {
        "vocab_size": len(WORDS), "encoder_hidden_size": 16, "max_position_embeddings": 64,
        "bos_token_id": WORDS.index("[DEC]"), "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    config = transformers.BlipConfig(
        text_config=text, vision_config=SIZES | {"image_size": 32, "patch_size": 16}, projection_dim=16
    )
    torch.manual_seed(7)
    transformers.BlipForConditionalGeneration(config).save_pretrained(home)
    pixels = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(pixels, words).save_pretrained(home)
    return str(home)


def test_a_caption_is_words_of_the_model_in_one_line_and_the_same_again(folder):
    image = Image.new("RGB", (60, 40), "green")
    caption = captions.text_of(image, folder)
    assert caption and set(caption.split()) <= set(WORDS)
    assert captions.text_of(image, folder) == caption


def test_a_model_is_loaded_once(folder):
    assert captions._loaded(folder) is captions._loaded(folder)


@pytest.mark.parametrize("content", [{}, {"config.json": "{}"}, {"config.json": '{"model_type": "bert"}'}])
def test_a_folder_without_such_a_model_is_one_line(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CaptionError) as error:
        captions.text_of(Image.new("RGB", (60, 40)), str(tmp_path))
    assert f"the model {tmp_path} cannot be had (" in str(error.value) and "\n" not in str(error.value)
