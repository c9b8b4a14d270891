"""The voter id: random and in a signed cookie, so that a browser has one vote and can change it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import redis.asyncio
from itsdangerous import BadSignature, Signer, want_bytes
from starlette.requests import Request
from starlette.responses import Response

from common.queue import keys

VOTER_COOKIE = "voter_id"
CHOICE_COOKIE = "vote"  # the voter's option and the poll revision, which the page marks
COOKIE_AGE = 365 * 24 * 3600  # seconds
ID_BYTES = 16
SECRET_BYTES = 32


class VoterIds:
    """Creates voter ids, signs them and recognizes its own signatures.

    Args:
        secret: What signs. None: the replicas agree on a random secret through Redis.
    """

    def __init__(self, secret: str | None = None) -> None:
        self._is_configured = secret is not None
        self._secrets: list[bytes] = []  # the last one signs, all are accepted
        self._signer: Signer | None = None
        if secret is not None:
            self._use(secret.encode())

    @property
    def can_sign(self) -> bool:
        """Whether a secret is known. Until then nobody can get a cookie."""
        return self._signer is not None

    def create(self) -> str:
        """Return the id of a new voter."""
        return secrets.token_hex(ID_BYTES)

    def sign(self, voter_id: str) -> str:
        """Return the value of a voter's cookie.

        Raises:
            RuntimeError: No secret is known yet.
        """
        if self._signer is None:
            raise RuntimeError("no secret is known yet")
        return self._signer.sign(voter_id).decode()

    def verify(self, cookie: str | None) -> str | None:
        """Return the voter id in a cookie; None if there is none or the signature is wrong."""
        if not cookie or self._signer is None:
            return None
        try:
            return self._signer.unsign(cookie).decode()
        except BadSignature:
            return None

    async def agree(self, client: redis.asyncio.Redis) -> None:
        """Adopt the secret that all replicas share. Offer one if Redis has none.

        The app calls this each time it checks Redis.
        """
        if self._is_configured:
            return
        agreed = await client.get(keys.COOKIE_SECRET)
        if agreed is None:
            # After Redis has lost its data, the earlier secret keeps its voters recognized.
            offer = self._secrets[-1] if self._secrets else secrets.token_hex(SECRET_BYTES).encode()
            await client.set(keys.COOKIE_SECRET, offer, nx=True)
            agreed = await client.get(keys.COOKIE_SECRET)
        if agreed:
            self._use(want_bytes(agreed))

    def _use(self, secret: bytes) -> None:
        if self._secrets[-1:] == [secret]:
            return
        self._secrets = [known for known in self._secrets if known != secret] + [secret]
        # Once, as `Signer` itself would do for each cookie with the key derivation "hmac".
        derived = [hmac.digest(known, b"voter_id", "sha256") for known in self._secrets]
        self._signer = Signer(derived, key_derivation="none", digest_method=hashlib.sha256)


@dataclass(frozen=True)
class VoterCookies:
    """The cookies of a voter: the signed id, and the choice in this revision of the poll."""

    voter_ids: VoterIds
    revision: str

    def voter_id(self, request: Request) -> str | None:
        """Return the voter id in the cookie of a request; None for a new voter."""
        return self.voter_ids.verify(request.cookies.get(VOTER_COOKIE))

    def choice(self, request: Request) -> str | None:
        """Return the option for which this voter has voted, if it was in this poll."""
        option_id, _, revision = request.cookies.get(CHOICE_COOKIE, "").partition(".")
        return option_id if revision == self.revision and self.voter_id(request) else None

    def welcome(self, request: Request, response: Response) -> None:
        """Give a new voter an id."""
        if self.voter_ids.can_sign and self.voter_id(request) is None:
            self.remember(request, response, self.voter_ids.create(), None)

    def remember(
        self, request: Request, response: Response, voter_id: str, choice: str | None
    ) -> None:
        """Set the cookies of a voter and of the choice; None removes an earlier choice."""
        _set_cookie(request, response, VOTER_COOKIE, self.voter_ids.sign(voter_id))
        if choice is not None:
            _set_cookie(request, response, CHOICE_COOKIE, f"{choice}.{self.revision}")
        elif CHOICE_COOKIE in request.cookies:
            response.delete_cookie(CHOICE_COOKIE)


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Keep a value in the browser for a year, unless the browser has it already.

    `Response.set_cookie` does the same, but takes a fifth of the whole time of a vote.

    Args:
        request: The request that is answered.
        response: The answer.
        name: The name of the cookie.
        value: Letters, digits and `.-_` only, because nothing is escaped.
    """
    if request.cookies.get(name) == value:
        return
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    attributes = f"HttpOnly; Max-Age={COOKIE_AGE}; Path=/; SameSite=lax{secure}"
    response.headers.append("set-cookie", f"{name}={value}; {attributes}")
