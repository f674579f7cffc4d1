"""The model and a server of the original's design give the same rows."""

from __future__ import annotations

import socket
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from .double import LIST_WORDS, StockClient
from .model import Model, ModelSession
from .original import OriginalServer, running

NAMES = ("ann", "bob", "")
WORDS = ("quit", "dm", *LIST_WORDS)

# ASCII alone: the reference server breaks on the rest, as the original does.
texts = st.sampled_from([*WORDS, *NAMES, "list ", "LIST"]) | st.text(string.printable, max_size=20)
frames = st.one_of(
    texts.filter(lambda text: text not in WORDS).map(lambda text: [text]),
    st.tuples(st.just("dm"), st.sampled_from(NAMES) | texts, texts).map(list),
    st.sampled_from(LIST_WORDS).map(lambda word: [word]),
)
conversations = st.lists(st.tuples(st.sampled_from(range(len(NAMES))), frames), max_size=20)


def connect(server: OriginalServer, name: str) -> StockClient:
    client = StockClient("127.0.0.1", server.port, name)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for speed: the wire habits are not in question
    return client


def exchange(client: StockClient, frame: str, expected: list[str] | None) -> None:
    client.post(frame)
    if expected is not None:
        rows = list(client.rows())
        assert [str(len(rows)), *rows] == expected


@settings(deadline=None)
@given(conversations)
def test_the_model_says_what_the_reference_server_answers(conversation: list[tuple[int, list[str]]]) -> None:
    model = Model()
    with running() as server:
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients = [connect(server, name) for name in NAMES]
        sessions = [model.connect(name) for name in NAMES]
        for who, sent in conversation:
            # A list at the end of each turn shows that the server has taken the turn before the next client speaks.
            for frame in (*sent, "listdm", "list"):
                exchange(clients[who], frame, sessions[who].send(frame))
        for client in clients:
            client.quit()


def spoken(model: Model, name: str, *sent: str) -> ModelSession:
    session = model.connect(name)
    for frame in sent:
        assert session.send(frame) is None
    return session


def test_frames_after_quit_mean_nothing() -> None:
    model = Model()
    session = spoken(model, "ann", "quit", "hello", "list")
    assert (session.ended, model.posts) == (True, [])


def test_texts_inside_a_dm_are_never_commands() -> None:
    model = Model()
    spoken(model, "ann", "dm", "quit", "list", "hello")
    assert (model.messages, model.posts) == ({"quit": ["list"]}, [("127.0.0.1", "hello")])


def test_nul_is_stored_as_its_picture_in_names_and_texts() -> None:
    model = Model()
    spoken(model, "ann", "a\0", "dm", "b\0", "c\0")
    assert model.connect("ann").send("list") == ["1", "127.0.0.1 a\u2400"]
    assert model.connect("b\0").send("listdm") == ["1", "c\u2400"]


def test_a_row_is_counted_as_often_as_it_is_shown() -> None:
    model = Model(show=lambda row: [row[:10], row[10:]])
    assert spoken(model, "ann", "hello").send("list") == ["2", "127.0.0.1 ", "hello"]
