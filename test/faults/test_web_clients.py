"""Rows K5 to K7: pages that say nonsense, that read nothing, or that are too many."""

from __future__ import annotations

import asyncio
import contextlib
import time

import aiohttp
import pytest
from support.page_bench import TIMEOUT_S, FakeFeed, PageBench, frame, read_picture

from siammask_ros.errors import SiamMaskError
from siammask_ros.web.commands import MAX_MESSAGE_BYTES

FOLLOW = '{"do":"follow","stamp":"5","box":%s}'
GARBAGE = [
    "",
    "nonsense",
    "null",
    "[]",
    "7",
    "{",
    "[" * (MAX_MESSAGE_BYTES - 10),
    '{"a":' * 600,
    '{"do":"fly"}',
    '{"do":["follow"]}',
    '{"do":"follow"}',
    FOLLOW % "[1,2,3]",
    FOLLOW % "[1,2,3,4,5]",
    FOLLOW % "[NaN,1,20,20]",
    FOLLOW % "[Infinity,1,20,20]",
    FOLLOW % "[1e400,1,20,20]",
    FOLLOW % "[1e7,1,20,20]",
    FOLLOW % f"[{'9' * 3000},1,20,20]",
    FOLLOW % '["1",1,20,20]',
    FOLLOW % "[true,1,20,20]",
    FOLLOW % "[null,1,20,20]",
    FOLLOW % "[[1],1,20,20]",
    '{"do":"follow","box":[1,2,30,40]}',
    '{"do":"follow","box":[1,2,30,40],"stamp":5}',
    '{"do":"follow","box":[1,2,30,40],"stamp":"-5"}',
    '{"do":"follow","box":[1,2,30,40],"stamp":"99999999999999999999"}',
    '{"do":"follow","box":[1,2,30,40],"stamp":"\u0665"}',
    '{"do":"follow","box":[1,2,30,40],"stamp":"5","id":7}',
    '{"do":"follow","box":[1,2,30,40],"stamp":"5","id":"\\u0000"}',
    f'{{"do":"follow","box":[1,2,30,40],"stamp":"5","id":"{"x" * 65}"}}',
    '{"do":"forget"}',
    '{"do":"forget","id":""}',
    '{"do":"pause"}',
    '{"do":"pause","paused":"yes"}',
    '{"do":"pause","paused":1}',
    '{"do":"record"}',
    '{"do":"shown"}',
    '{"do":"shown","number":-1}',
    '{"do":"shown","number":1.5}',
]


def test_k5_nonsense_gets_an_error_and_never_reaches_the_tracker() -> None:
    async def talk(bench: PageBench) -> None:
        async with bench.page() as page:
            for count, text in enumerate(GARBAGE, 1):
                await page.socket.send_str(text)
                await page.until(lambda count=count: len(page.replies) == count)
                assert not page.replies[-1]["ok"], text
                assert page.replies[-1]["text"], text
            await page.socket.send_bytes(b"\0" * 100)
            await page.until(lambda: len(page.replies) == len(GARBAGE) + 1)
            assert not page.replies[-1]["ok"]

    with PageBench() as bench:
        asyncio.run(talk(bench))
        assert not bench.feed.commands
        bench.serves_a_good_page()


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES + 1, 5 * 2**20])
def test_k5_a_message_that_is_too_long_ends_the_connection(size: int) -> None:
    async def talk(bench: PageBench) -> int | None:
        async with bench.page() as page:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await page.socket.send_str("x" * size)
            return await closed_with(page.socket)

    with PageBench() as bench:
        assert asyncio.run(talk(bench)) in (aiohttp.WSCloseCode.MESSAGE_TOO_BIG, None)
        bench.serves_a_good_page()


def test_k5_ten_thousand_messages_end_the_connection_and_few_reach_the_tracker() -> None:
    async def talk(bench: PageBench) -> int | None:
        async with bench.page() as page:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                for _ in range(10_000):
                    await page.say(do="forget", id="1")
            return await closed_with(page.socket)

    with PageBench() as bench:
        code = asyncio.run(talk(bench))
        assert code in (aiohttp.WSCloseCode.POLICY_VIOLATION, None)
        # What the allowance of a second or two lets through, on a slow machine.
        assert len(bench.feed.commands) < 200
        bench.serves_a_good_page()


def test_k5_a_refusal_and_a_bug_are_answered_and_the_page_goes_on() -> None:
    class Feed(FakeFeed):
        def reset(self) -> str:
            raise RuntimeError("a bug")

        def pause(self, paused: bool) -> str:
            raise SiamMaskError("the tracker is not there")

    async def talk(bench: PageBench) -> None:
        async with bench.page() as page:
            answer = await page.ask(do="reset")
            assert (answer["ok"], "internal error" in answer["text"]) == (False, True)
            answer = await page.ask(do="pause", paused=True)
            assert (answer["ok"], answer["text"]) == (False, "the tracker is not there")
            bench.feed.refusal = "box is 3.0×3.0 px"
            answer = await page.ask(do="follow", box=[1, 2, 3, 3], stamp="5")
            assert answer["text"] == "box is 3.0×3.0 px"
            bench.feed.refusal = ""

    with PageBench(feed=Feed()) as bench:
        asyncio.run(talk(bench))
        bench.serves_a_good_page()


def test_k6_a_page_that_never_reads_is_closed_and_the_others_get_the_newest_picture() -> None:
    stall_s = 1.5

    async def talk(bench: PageBench) -> None:
        async with bench.page() as stalled, bench.page() as good:
            await stalled.status()
            # From here on nobody reads: not even the library, whose buffer is full soon.
            stalled.socket._reader._protocol.pause_reading()
            shown: list[str] = []
            began_s = time.monotonic()
            until_s = began_s + TIMEOUT_S
            index = 0
            while len(bench.server._hub.clients) > 1 or len(shown) < 20:
                assert time.monotonic() < until_s, "the stalled page is still there"
                bench.server.show(frame(index))
                index += 1
                about = await good.next_picture(1.0)
                if about is not None:
                    shown.append(about["stamp"])
                await asyncio.sleep(0.01)
            assert time.monotonic() - began_s >= stall_s
            assert shown == sorted(shown)
            assert len(set(shown)) == len(shown)
            # All but what was replaced while the machine was busy.
            assert len(shown) > index / 2

    with PageBench(stall_timeout_s=stall_s) as bench:
        asyncio.run(talk(bench))
        bench.serves_a_good_page()


def test_k6_a_page_that_says_nothing_gets_two_pictures_and_then_the_newest() -> None:
    async def talk(bench: PageBench) -> None:
        async with bench.page() as page:
            await page.status()
            for index in range(30):
                bench.server.show(frame(index))
                await asyncio.sleep(0.05)
            numbers = await numbers_of(page.socket, 1.0)
            assert len(numbers) == 2, numbers
            await page.say(do="shown", number=numbers[-1])
            about = await page.next_picture()
            assert about is not None
            assert about["stamp"] == str(frame(29).stamp_ns), "newest wins"

    with PageBench(stall_timeout_s=60.0) as bench:
        asyncio.run(talk(bench))
        bench.serves_a_good_page()


def test_k7_pages_beyond_the_limit_get_503_and_a_place_that_is_free_is_taken() -> None:
    async def talk(bench: PageBench) -> list[int]:
        async with contextlib.AsyncExitStack() as pages:

            async def opened() -> int:
                try:
                    await pages.enter_async_context(bench.page())
                except aiohttp.WSServerHandshakeError as error:
                    return error.status
                return 101

            return await asyncio.gather(*(opened() for _ in range(200)))

    with PageBench(max_clients=3) as bench:
        statuses = asyncio.run(talk(bench))
        assert sorted(set(statuses)) == [101, 503]
        assert statuses.count(101) == 3
        bench.serves_a_good_page()


async def numbers_of(socket: aiohttp.ClientWebSocketResponse, within_s: float) -> list[int]:
    """The pictures that come in so much time."""
    numbers = []

    async def read() -> None:
        while True:
            message = await socket.receive()
            if message.type == aiohttp.WSMsgType.BINARY:
                numbers.append(read_picture(message.data)["number"])

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), within_s)
    return numbers


async def closed_with(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code that a connection was closed with; None where it was cut off."""

    async def read() -> None:
        while not socket.closed:
            await socket.receive()

    await asyncio.wait_for(read(), TIMEOUT_S)
    return None if socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE else socket.close_code
