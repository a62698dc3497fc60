"""API keys, for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Parts, Wanted
from services.api.presenting import key_answer
from services.api.schemas import KeyAnswer, KeyRequest, NewKeyAnswer, Page
from shared.db.keys import NewKey, create_key, list_keys, revoke_key
from shared.db.tokens import new_token, token_digest
from shared.settings import server_secret
from shared.specs.ids import new_uuid, parse_id

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=GuardedRoute, dependencies=[needs("admin")])


@router.post("", status_code=201)
def create(body: KeyRequest, parts: Parts, response: Response) -> NewKeyAnswer:
    """Make a key; its text is in this answer and nowhere else."""
    token = new_token()
    digest = token_digest(token.text, secret=server_secret(parts.settings))
    new = NewKey(id=new_uuid(), kid=token.kid, name=body.name, scopes=sorted(set(body.scopes)), digest=digest)
    with parts.database.begin() as cx:
        answer = key_answer(create_key(cx, new=new))
    parts.keyring.refresh()
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    return NewKeyAnswer(**answer.model_dump(), key=token.text)


@router.get("")
def list_all(parts: Parts, wanted: Wanted) -> Page[KeyAnswer]:
    """List every key, revoked ones too, newest first."""
    with parts.database.snapshot() as cx:
        keys = [key_answer(row) for row in list_keys(cx)]
    return wanted.page(keys, known_by=lambda key: key.id)


@router.delete("/{key_id}", status_code=204)
def revoke(key_id: str, parts: Parts) -> None:
    """End a key for ever."""
    with parts.database.begin() as cx:
        revoke_key(cx, key_id=parse_id("key", key_id))
    parts.keyring.refresh()
