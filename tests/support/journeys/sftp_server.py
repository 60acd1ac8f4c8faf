"""A real SFTP server on loopback, and OpenSSH's client set up for it.

The server is the package asyncssh. Its licence is a copyleft one (EPL or GPL), so nothing of ours depends on it: who
wants to run the test installs it.
"""

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any


@contextmanager
def sftp_server(folder: Path, keys: Path, client: str) -> Iterator["Path"]:
    """Serve a folder as the root. A folder for PATH, with a `sftp` that knows the server `files.example.org`."""
    asyncssh: Any = importlib.import_module("asyncssh")
    keys.mkdir()
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    user.write_private_key(keys / "user")
    (keys / "user").chmod(0o600)
    (keys / "authorized").write_bytes(user.export_public_key())

    def rooted(channel: Any) -> Any:
        return asyncssh.SFTPServer(channel, chroot=str(folder).encode())

    loop = asyncio.new_event_loop()
    serving = Thread(target=loop.run_forever, daemon=True)
    serving.start()

    async def listen() -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(keys / "authorized"),
            sftp_factory=rooted,
        )

    listener = asyncio.run_coroutine_threadsafe(listen(), loop).result(60)
    port = listener.get_port()
    public = host.export_public_key().decode().strip()
    (keys / "known").write_text(f"[127.0.0.1]:{port} {public}\n")
    (keys / "config").write_text(
        f"Host files.example.org\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {keys / 'user'}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {keys / 'known'}\n  StrictHostKeyChecking yes\n"
    )
    programs = keys / "programs"
    programs.mkdir()
    (programs / "sftp").write_text(f'#!/bin/sh\nexec {client} -F {keys / "config"} "$@"\n')
    (programs / "sftp").chmod(0o755)
    try:
        yield programs
    finally:

        async def close() -> None:
            listener.close()
            await listener.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        loop.close()
