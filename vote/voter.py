"""Who votes: an anonymous id in a signed cookie, so that a voter has one vote and can change it."""

import hashlib
import hmac
import secrets
import typing

import itsdangerous
import itsdangerous.encoding
import redis.asyncio

from common import keys

COOKIE = "voter_id"
COOKIE_AGE = 365 * 24 * 3600  # seconds: a year
SECRET_BYTES = 32
ID_BYTES = 16
MINTED = 256  # ids that are made at once


class Voters:
    """Mints and recognises voters.

    Without a secret of its own, a replica agrees on one with the others through Redis
    (SET NX), and goes on accepting the secrets that it has known.
    """

    def __init__(self, secret: str | None) -> None:
        self._agreed = secret is None
        self._secrets: list[bytes] = [secret.encode()] if secret else []
        self._mac: hmac.HMAC | None = None
        # The last voter and the cookie: who is recognised is given it again at once.
        self._signed: tuple[str | None, str] = None, ""
        self._random: list[str] = []
        self._signer: itsdangerous.Signer | None = self._make_signer()

    @property
    def can_sign(self) -> bool:
        """False until a secret is known: then nobody can be given a cookie."""
        return self._signer is not None

    async def agree(self, client: redis.asyncio.Redis) -> None:
        """Asks Redis for the common secret, offering one where there is none. Also a ping."""
        if not self._agreed:
            await client.ping()
            return
        found = typing.cast("bytes | None", await client.get(keys.COOKIE_SECRET))
        if found is None:
            # A secret that served already goes first: its voters stay who they are.
            offer = self._secrets[-1] if self._secrets else secrets.token_hex(SECRET_BYTES).encode()
            await client.set(keys.COOKIE_SECRET, offer, nx=True)
            found = typing.cast("bytes | None", await client.get(keys.COOKIE_SECRET))
        if found and (not self._secrets or self._secrets[-1] != found):
            self._secrets = [known for known in self._secrets if known != found] + [found]
            self._signer = self._make_signer()

    def mint(self) -> str:
        """The id of a new voter."""
        if not self._random:
            # Asked for in advance: to enter the kernel for each voter takes longer than the rest.
            fresh = secrets.token_hex(ID_BYTES * MINTED)
            size = 2 * ID_BYTES  # hexadecimal digits
            self._random = [fresh[at : at + size] for at in range(0, len(fresh), size)]
        return self._random.pop()

    def sign(self, voter_id: str) -> str:
        """The cookie of `voter_id`. Raises RuntimeError while no secret is known."""
        if self._mac is None:
            raise RuntimeError("no secret is known yet")
        if voter_id != self._signed[0]:
            # What the signer does, but for deriving its key and making it ready anew each time.
            mac = self._mac.copy()
            mac.update(voter_id.encode())
            cookie = f"{voter_id}.{itsdangerous.encoding.base64_encode(mac.digest()).decode()}"
            self._signed = voter_id, cookie
        return self._signed[1]

    def recognise(self, cookie: str | None) -> str | None:
        """The id in `cookie`, or None when there is none or it is not of our making."""
        if not cookie or not cookie.isascii() or self._signer is None:
            return None
        voter_id = cookie.partition(".")[0]
        # The usual case, in a quarter of the time that the signer takes for all secrets.
        if hmac.compare_digest(cookie, self.sign(voter_id)):
            return voter_id
        try:
            return self._signer.unsign(cookie).decode()
        except itsdangerous.BadSignature:
            return None

    def _make_signer(self) -> itsdangerous.Signer | None:
        if not self._secrets:
            return None
        signer = itsdangerous.Signer(
            self._secrets, salt=b"voter_id", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._mac = hmac.new(signer.derive_key(), digestmod=hashlib.sha256)
        self._signed = None, ""
        return signer
