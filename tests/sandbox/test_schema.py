"""Our schema says nothing that Shopify's does not say."""

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
)

from sandbox.graphql_api import schema
from tests import official_schema as shopify


@pytest.fixture(scope="module")
def official():
    return shopify.official()


def lacking(ours, theirs):
    """Yield what of our type is not in theirs, word for word."""
    if isinstance(ours, GraphQLEnumType):
        yield from (name for name in ours.values if name not in theirs.values)
    elif isinstance(ours, GraphQLInputObjectType):
        for name, field in ours.fields.items():
            other = theirs.fields.get(name)
            if other is None or str(other.type) != str(field.type):
                yield name
    elif isinstance(ours, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in ours.fields.items():
            other = theirs.fields.get(name)
            if other is None or str(other.type) != str(field.type):
                yield name
                continue
            for word, argument in field.args.items():
                if word not in other.args or str(other.args[word].type) != str(argument.type):
                    yield f"{name}({word})"


def test_ours_is_a_subset(official):
    wrong = []
    for name, ours in schema().type_map.items():
        if name.startswith("__"):
            continue
        theirs = official.type_map.get(name)
        if type(theirs) is not type(ours):
            wrong.append(name)
            continue
        wrong += [f"{name}.{each}" for each in lacking(ours, theirs)]
    assert wrong == []


def test_what_an_input_requires_is_the_same(official):
    for name, ours in schema().type_map.items():
        if isinstance(ours, GraphQLInputObjectType):
            must = {x for x, f in official.type_map[name].fields.items() if str(f.type)[-1] == "!"}
            assert must <= set(ours.fields), name
