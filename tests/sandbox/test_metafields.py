"""What an app keeps on its installation: private, typed, and written by compare-and-set."""

import pytest

READ = """query R($namespace: String, $key: String!) {
  currentAppInstallation { id metafield(namespace: $namespace, key: $key) {
    id namespace key type value compareDigest ownerType } } }"""
SET = """mutation M($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { value compareDigest } userErrors { code field message } } }"""
DELETE = """mutation D($metafields: [MetafieldIdentifierInput!]!) {
  metafieldsDelete(metafields: $metafields) {
    deletedMetafields { key namespace } userErrors { field message } } }"""
OWNER = "gid://shopify/AppInstallation/1"


def row(value='{"a": 1}', **more):
    given = {"ownerId": OWNER, "namespace": "tipo", "key": "lease", "type": "json", "value": value}
    return {**given, **more}


def put(app, *rows):
    return app(SET, metafields=list(rows))["data"]["metafieldsSet"]


def read(app, key="lease", **more):
    return app(READ, key=key, namespace="tipo", **more)["data"]["currentAppInstallation"][
        "metafield"
    ]


def codes(payload):
    return [each["code"] for each in payload["userErrors"]]


def test_what_was_set_can_be_read(app):
    digest = put(app, row())["metafields"][0]["compareDigest"]
    assert read(app) == {
        "id": "gid://shopify/Metafield/2001",
        "namespace": "tipo",
        "key": "lease",
        "type": "json",
        "value": '{"a": 1}',
        "compareDigest": digest,
        "ownerType": "API_PERMISSION",
    }
    assert read(app, key="other") is None


def test_null_means_that_there_must_be_none(app):
    assert codes(put(app, row(compareDigest=None))) == []
    assert codes(put(app, row("2", compareDigest=None))) == ["STALE_OBJECT"]
    assert read(app)["value"] == '{"a": 1}'


def test_a_digest_must_be_that_of_the_value(app):
    digest = put(app, row())["metafields"][0]["compareDigest"]
    second = put(app, row("2", compareDigest=digest))["metafields"][0]["compareDigest"]
    assert second != digest
    assert codes(put(app, row("3", compareDigest=digest))) == ["STALE_OBJECT"]
    assert codes(put(app, row("3", compareDigest=second))) == []
    assert codes(put(app, row("4", compareDigest="x"))) == ["INVALID_COMPARE_DIGEST"]
    assert codes(put(app, row(key="gone", compareDigest=digest))) == ["STALE_OBJECT"]


def test_without_a_digest_it_is_written_over(app):
    put(app, row())
    assert codes(put(app, row("2"))) == []
    assert read(app)["value"] == "2"


def test_equal_values_have_equal_digests(app):
    first = put(app, row())["metafields"][0]["compareDigest"]
    put(app, row("2"))
    assert put(app, row())["metafields"][0]["compareDigest"] == first


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ownerId": "gid://shopify/AppInstallation/2"}, "INVALID"),
        ({"ownerId": "gid://shopify/Shop/1"}, "INVALID"),
        ({"key": "ab"}, "TOO_SHORT"),
        ({"key": "x" * 256}, "TOO_LONG"),
        ({"key": "with space"}, "INVALID"),
        ({"type": None}, "BLANK"),
        ({"type": "money"}, "INCLUSION"),
        ({"value": ""}, "BLANK"),
        ({"value": "{"}, "INVALID_VALUE"),
        ({"value": '"' + "x" * 140_000 + '"'}, "TOO_LONG"),
    ],
)
def test_what_cannot_be_is_refused(app, wrong, code):
    assert codes(put(app, row(**wrong))) == [code]


def test_one_wrong_row_stops_all(app):
    refused = put(app, row(), row("{", key="other"))
    assert refused["metafields"] is None
    assert refused["userErrors"][0]["field"] == ["metafields", "1", "value"]
    assert read(app) is None


def test_a_type_stays(app):
    put(app, row())
    assert codes(put(app, row("word", type="single_line_text_field"))) == ["INVALID_TYPE"]
    assert codes(put(app, row("2", type=None))) == []


def test_at_most_25_at_a_time(app):
    answer = app(SET, metafields=[row(key=f"key-{n}") for n in range(26)])
    assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"


def test_a_namespace_of_the_app_may_be_left_out(app):
    given = row()
    del given["namespace"]
    put(app, given)
    for namespace in (None, "$app", "app--1"):
        found = app(READ, key="lease", namespace=namespace)["data"]["currentAppInstallation"]
        assert found["metafield"]["value"] == '{"a": 1}'


def test_what_was_deleted_is_gone(app):
    put(app, row())
    place = {"ownerId": OWNER, "namespace": "tipo", "key": "lease"}
    gone = app(DELETE, metafields=[place, {**place, "key": "other"}])["data"]["metafieldsDelete"]
    assert gone["deletedMetafields"] == [{"key": "lease", "namespace": "tipo"}, None]
    assert read(app) is None


def test_an_app_without_the_right_is_refused_at_the_door(app, shop):
    shop.faults.no_metafields = True
    for text, given in ((READ, {"key": "lease"}), (SET, {"metafields": [row()]})):
        assert app(text, **given)["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_a_setting_costs_ten_points_and_a_reading_two(app):
    app(SET, metafields=[row()])
    assert app(READ, key="lease")["extensions"]["cost"]["requestedQueryCost"] == 2
    answer = app(SET, metafields=[row("2")])
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 10


@pytest.mark.parametrize("name", ["", "x" * 51, "with space", "ümlaut"])
def test_a_subscription_has_an_honest_name(app, name):
    assert app.subscribe(name=name)["userErrors"][0]["message"] == "Name is invalid"


def test_a_name_is_there_once(app):
    app.subscribe(name="tipo-1")
    refused = app.subscribe("PRODUCTS_CREATE", name="tipo-1")["userErrors"][0]
    assert refused == {
        "field": ["webhookSubscription", "name"],
        "message": "Name has already been taken",
    }
