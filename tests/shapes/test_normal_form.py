"""The normal form against plain integers."""

from __future__ import annotations

import contextlib
import os
import pickle
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_lang.shapes import Dim, TooLarge, Undefined, parse

from .programs import BOUNDS, SYMBOLS, NoValue, Tree, built, plain, random_env, random_tree

seeds = st.integers(0, 2**32)


def example(rng: Random) -> tuple[Tree, Dim] | None:
    names = rng.sample(sorted(BOUNDS), rng.randint(1, 4))
    tree = random_tree(rng, rng.randint(1, 4), names)
    try:
        return tree, built(tree)
    except (TooLarge, Undefined):
        return None


def check_value(rng: Random, tree: Tree, d: Dim) -> None:
    """The dim has the expression's value wherever that has one, and lies within its bounds."""
    low, high = d.bounds
    for _ in range(6):
        env = random_env(rng)
        try:
            value = plain(tree, env)
        except NoValue:
            continue
        try:
            assert d.evaluate(env) == value, (tree, env)
        except TooLarge:
            continue
        assert low is None or low <= value, (tree, env)
        assert high is None or value <= high, (tree, env)


def check_text(rng: Random, d: Dim) -> None:
    """The text and the tree mean the same, and the text reads back as the same dim."""
    again = parse(str(d), SYMBOLS)
    assert again == d, str(d)
    assert hash(again) == hash(d)
    env = random_env(rng)
    with contextlib.suppress(NoValue, TooLarge, Undefined):
        assert plain(d.tree(), env) == d.evaluate(env)


def check_substitution(rng: Random, d: Dim) -> None:
    """Substituting expressions, then evaluating, is evaluating with their values."""
    name = rng.choice(sorted(BOUNDS))
    replacement = random_tree(rng, 2, sorted(BOUNDS))
    try:
        new = built(replacement)
        result = d.substitute({name: new})
    except (TooLarge, Undefined):
        return
    for _ in range(4):
        env = random_env(rng)
        try:
            value = plain(replacement, env)
            low, high = BOUNDS[name]
            if (low is not None and value < low) or (high is not None and value > high):
                continue  # substituting a value that the symbol cannot have means nothing
            assert result.evaluate(env) == d.evaluate(env | {name: value}), (str(d), name, replacement, env)
        except (NoValue, TooLarge, Undefined):
            continue


@given(seeds)
@settings(max_examples=300, deadline=None)
def test_the_normal_form_keeps_the_value(seed: int) -> None:
    rng = Random(seed)
    if (pair := example(rng)) is not None:
        check_value(rng, *pair)


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_text_reads_back(seed: int) -> None:
    rng = Random(seed)
    if (pair := example(rng)) is not None:
        check_text(rng, pair[1])


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_substitution_commutes_with_evaluation(seed: int) -> None:
    rng = Random(seed)
    if (pair := example(rng)) is not None:
        check_substitution(rng, pair[1])


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_pickles(seed: int) -> None:
    if (pair := example(Random(seed))) is not None:
        assert pickle.loads(pickle.dumps(pair[1])) == pair[1]


@pytest.mark.long
def test_many_random_expressions() -> None:
    for seed in range(int(os.environ.get("SPECC_LONG", "100000"))):
        rng = Random(seed)
        if (pair := example(rng)) is not None:
            check_value(rng, *pair)
            check_text(rng, pair[1])
            check_substitution(rng, pair[1])
