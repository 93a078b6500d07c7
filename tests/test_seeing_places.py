"""Where pictures of posts are: inside the folder, or at an address of the open network."""

import os
import socket

import pytest
from standing_in import Answer, standing_in

from spark_app.blocks import Interests
from spark_app.interests.seeing import fetching, places
from spark_app.interests.seeing.fetching import FetchError
from spark_app.interests.seeing.pictures import PictureError


@pytest.fixture
def home(tmp_path):
    """A folder with a picture in it, and a secret beside it."""
    (tmp_path / "pictures" / "shop").mkdir(parents=True)
    (tmp_path / "pictures" / "shop" / "a b.png").write_bytes(b"picture")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return tmp_path / "pictures"


def refused(settings, source):
    with pytest.raises(PictureError) as error:
        places.content(settings, source)
    return str(error.value)


def test_a_path_is_looked_up_in_the_folder(home):
    settings = Interests(pictures=home)
    assert places.content(settings, "shop/a b.png") == b"picture"
    assert places.content(settings, f"{home}/shop/a b.png") == b"picture"


def test_no_path_leads_out_of_the_folder(home):
    (home / "link.png").symlink_to(home.parent / "secret.png")
    (home / "up").symlink_to(home.parent)
    settings = Interests(pictures=home)
    out = f"leads out of {home}, the folder of pictures"
    assert [refused(settings, source) for source in ("link.png", "up/secret.png", "/etc/hostname")] == [out] * 3
    assert refused(settings, "../secret.png") == "a path with .. is not followed"
    assert refused(settings, "shop/../../secret.png") == "a path with .. is not followed"


def test_what_is_no_file_is_not_waited_for(home):
    os.mkfifo(home / "pipe.png")
    settings = Interests(pictures=home)
    assert refused(settings, "pipe.png") == "not a file"
    assert refused(settings, "shop") == "not a file"
    assert refused(settings, "none.png") == f"not in {home}, the folder of pictures"
    assert refused(settings, "a\0.png") == "no path of a picture"
    assert refused(settings, "x" * 300) == "cannot be read (File name too long)"


def test_without_a_folder_and_without_leave_to_fetch_nothing_is_read(home):
    assert "MILLSTREAM_INTERESTS__PICTURES names no folder" in refused(Interests(), "shop/a b.png")
    assert "MILLSTREAM_INTERESTS__FETCH=true allows it" in refused(Interests(pictures=home), "http://shop.example/a.png")
    other = [refused(Interests(pictures=home, fetch=True), one) for one in ("file:///etc/passwd", "data:image/png,x")]
    assert other == ["neither a path nor an http or https address"] * 2


def test_a_message_shows_neither_passwords_nor_what_is_asked():
    assert places.shown("https://ann:pw@shop.example/a.png?token=1") == "https://shop.example/a.png"
    assert places.shown("a\nb.png") == "a?b.png"
    assert len(places.shown("x" * 999)) == 120


def test_an_address_that_is_stated_to_be_here_is_fetched():
    with standing_in(Answer(body=b"picture")) as server:
        assert places.content(Interests(fetch=True), f"{server.url}/ä b.png?size=1") == b"picture"
    assert [(method, path) for method, path, *_ in server.asked] == [("GET", "/%C3%A4%20b.png?size=1")]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("0.0.0.0", "0.0.0.0"),
        ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1"),
        ("[fd00::1]", "fd00::1"),
        ("2130706433", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
    ],
)
def test_addresses_of_private_networks_are_refused(host, address):
    with pytest.raises(FetchError, match="not of the open network") as error:
        fetching.fetched(f"http://{host}/latest", most=10)
    assert f" is {address}, " in str(error.value)


def test_a_name_that_leads_here_is_refused():
    if "127." not in socket.gethostbyname(socket.gethostname()):
        pytest.skip("the name of this machine does not lead to loopback")
    with pytest.raises(FetchError, match="not of the open network"):
        fetching.fetched(f"http://{socket.gethostname()}/", most=10)


def test_a_redirection_does_not_lead_here():
    with standing_in(Answer(body=b"secret")) as inner:
        to_inner = Answer(302, headers={"Location": inner.url})
        with standing_in(to_inner) as outer, pytest.raises(FetchError, match="which is not of the open network"):
            fetching.fetched(outer.url, most=10)
        assert not inner.asked


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404), "127.0.0.1 answers 404"),
        (Answer(body=b"x" * 11), "11 bytes, at the most 10"),
        (Answer(body=b"x" * 11, headers={"Content-Length": "x"}), "more than 10 bytes"),
        (Answer(body=b"xxxxxx", slowly=0.2), "127.0.0.1 does not answer in time"),
        (Answer(302, headers={"Location": "file:///etc/passwd"}), "no address that can be fetched"),
    ],
    ids=["missing", "large", "larger than told", "slow", "redirected to a file"],
)
def test_what_cannot_be_fetched_is_said_in_one_line(answer, words):
    with standing_in(answer) as server, pytest.raises(FetchError) as error:
        fetching.fetched(server.url, most=10, seconds=0.5)
    assert str(error.value) == words


@pytest.mark.parametrize("address", ["http://", "http://ann:pw@shop.example/", "http://[::1", "http://shop.example:x/"])
def test_what_is_no_address_is_not_asked(address):
    with pytest.raises(FetchError, match="no address that can be fetched"):
        fetching.fetched(address, most=10)
