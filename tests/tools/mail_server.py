"""A mail server for tests: keeps each mail as a file, and answers the first conversations as --plan says.

--plan RCPT=550 DATA=451 DATA=hang: one for each conversation, in order; later ones go well.
"""

import argparse
import asyncio
import hmac
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, folder, plan):
        self.folder, self.plan, self.count = folder, plan, 0

    async def answer(self, session, line):
        if not hasattr(session, "twist"):
            session.twist = self.plan.pop(0) if self.plan else ""
        at, _, what = session.twist.partition("=")
        if at != line:
            return None
        session.twist = ""
        if what == "hang":
            await asyncio.sleep(3600)
        return f"{what} as planned"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        refused = await self.answer(session, "RCPT")
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        draft = self.folder / f"{self.count}.draft"
        draft.write_bytes(envelope.original_content)
        draft.rename(self.folder / f"{self.count}.eml")
        return await self.answer(session, "DATA") or "250 taken"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--folder", type=pathlib.Path, required=True)
    options.add_argument("--plan", nargs="*", default=[])
    options.add_argument("--cert")
    options.add_argument("--key")
    options.add_argument("--user")
    options.add_argument("--password")
    given = options.parse_args()

    tls = None
    if given.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.cert, given.key)

    def authenticate(server, session, envelope, mechanism, data):
        wanted = (given.user or "").encode(), (given.password or "").encode()
        right = all(hmac.compare_digest(a, b) for a, b in zip((data.login, data.password), wanted))
        return AuthResult(success=right, handled=False)

    handler = Handler(given.folder, list(given.plan))

    def serve():
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=authenticate,
            auth_required=given.user is not None,
        )

    async def run():
        server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


main()
