"""Publishing to a broker that lives, refuses, or is silent."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from services.standalone.valkey import EmbeddedValkey
from shared.queue import KEY_PREFIX, TRAIN_QUEUE, TRAIN_TASK, Publisher
from shared.specs.ids import new_uuid

LIMIT_SECONDS = 1.5


@pytest.fixture
def publisher(broker_url: str) -> Iterator[Publisher]:
    publisher = Publisher(broker_url)
    yield publisher
    publisher.close()


def timed_publish(url: str) -> tuple[bool, float]:
    publisher = Publisher(url)
    began = time.monotonic()
    sent = publisher.publish(new_uuid())
    took = time.monotonic() - began
    publisher.close()
    return sent, took


def test_a_hint_is_the_jobs_id_and_nothing_else(publisher: Publisher, valkey: EmbeddedValkey):
    job_id = new_uuid()
    assert publisher.publish(job_id)
    client = redis.Redis.from_url(valkey.client_url)
    (raw,) = client.lrange(f"{KEY_PREFIX}{TRAIN_QUEUE}", 0, -1)
    client.close()
    message = json.loads(raw)
    assert message["headers"]["task"] == TRAIN_TASK
    assert str(job_id) in message["headers"]["argsrepr"]


def test_the_length_of_the_queue_is_known(publisher: Publisher):
    for _ in range(3):
        publisher.publish(new_uuid())
    assert publisher.waiting() == 3


def test_a_broker_that_refuses_costs_next_to_nothing(tmp_path: Path):
    sent, took = timed_publish(f"redis+socket://{tmp_path}/none.sock?virtual_host=0")
    assert sent is False
    assert took < LIMIT_SECONDS
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sent, took = timed_publish(f"redis://127.0.0.1:{port}/0")
    assert sent is False
    assert took < LIMIT_SECONDS


def test_a_broker_that_is_silent_costs_about_a_second():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sent, took = timed_publish(f"redis://127.0.0.1:{port}/0")
        assert sent is False
        assert took < LIMIT_SECONDS
        publisher = Publisher(f"redis://127.0.0.1:{port}/0")
        began = time.monotonic()
        assert publisher.waiting() is None
        assert time.monotonic() - began < LIMIT_SECONDS
        publisher.close()


def test_no_broker_at_all_is_no_error():
    assert Publisher("").publish(new_uuid()) is False
    assert Publisher("").waiting() is None


def test_a_frozen_broker_costs_about_a_second_and_a_restarted_one_works_again(tmp_path: Path):
    server = EmbeddedValkey(tmp_path / "vk")
    server.start()
    publisher = Publisher(server.url)
    try:
        assert publisher.publish(new_uuid())
        os.kill(server.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert publisher.publish(new_uuid()) is False
        assert time.monotonic() - began < LIMIT_SECONDS
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server.start()
        assert any(publisher.publish(new_uuid()) for _ in range(3))
    finally:
        publisher.close()
        server.stop()
