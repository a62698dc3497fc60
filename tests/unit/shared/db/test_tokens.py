from shared.db.tokens import BASE62, new_token, parse_token, token_digest

KNOWN = "gradus_0123456789AB_" + "a" * 37 + "1n4XFF"


def test_a_new_key_has_a_public_part_and_43_secret_characters():
    token = new_token()
    prefix, kid, secret = token.text.split("_")
    assert (prefix, len(kid), len(secret)) == ("gradus", 12, 43)
    assert kid == token.kid
    assert set(secret) <= set(BASE62)


def test_two_keys_are_never_the_same():
    assert len({new_token().text for _ in range(100)}) == 100


def test_a_whole_key_names_its_public_part():
    token = new_token()
    assert parse_token(token.text) == token.kid


def test_every_single_wrong_character_is_noticed():
    text = new_token().text
    for place in range(len("gradus_"), len(text)):
        other = "0" if text[place] != "0" else "1"
        assert parse_token(text[:place] + other + text[place + 1 :]) is None


def test_what_is_no_key_is_none():
    for text in (
        "",
        "gradus",
        "gradus__",
        "Bearer x",
        new_token().text + "0",
        new_token().text[:-1],
        "é" * 63,
    ):
        assert parse_token(text) is None


def test_the_text_of_a_key_is_not_in_its_repr():
    token = new_token()
    assert token.text not in repr(token)


def test_a_digest_depends_on_the_servers_secret_and_hides_the_key():
    one, other = (token_digest(KNOWN, secret=secret) for secret in (b"one", b"other"))
    assert len(one) == 32
    assert one != other


def test_a_digest_is_hmac_sha256():
    """RFC 4231, test case 2."""
    assert token_digest("what do ya want for nothing?", secret=b"Jefe").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
