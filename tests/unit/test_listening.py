"""The listening socket of the server."""

import asyncio
import socket

from tidemill.wiring.listening import listening_socket


async def test_answers_are_sent_without_waiting_for_acknowledgements() -> None:
    """Else each answer on a kept connection would take 40 ms more."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listening_socket("127.0.0.1", 0) as listening:
        async with await asyncio.start_server(answer, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await accepted
            writer.close()
            await writer.wait_closed()
