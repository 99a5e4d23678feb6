"""What facts prove, against enumeration over plain integers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_lang.shapes import Cond, Facts, TooLarge, Undefined, Verdict

from .programs import (
    BOUNDS,
    NoValue,
    Tree,
    built,
    plain,
    random_cond,
    random_env,
    random_tree,
    truth,
)

FLAGS = ("norm_first", 'mode == "sum"')
SAMPLES = 40


def environments(rng: Random, names: list[str], facts: list[Tree]) -> Iterator[dict[str, int]]:
    """Values of the names within their bounds: small ones mostly, where conditions meet, and led towards the facts."""
    for i in range(SAMPLES):
        env = random_env(rng, names, spread=(2, 4, 9, 24)[i % 4])
        for fact in facts * 2:
            lead(rng, fact, env)
        yield env | {flag: rng.random() < 0.5 for flag in FLAGS}


def lead(rng: Random, fact: Tree, env: dict[str, int]) -> None:
    """Make an equality or divisibility of a symbol true by choosing its value."""
    if fact[0] in ("and", "or"):
        for part in fact[1:]:
            lead(rng, part, env)
    if fact[0] not in ("eq", "divides", "ge", "le"):
        return
    for target, other in ((fact[1], fact[2]), (fact[2], fact[1])):
        if target[0] != "symbol":
            continue
        try:
            value = plain(other, env)
        except NoValue:
            return
        if fact[0] == "divides":
            value *= rng.randint(1, 3)
        low, high = BOUNDS[target[1]]
        if (low is None or low <= value) and (high is None or value <= high):
            env[target[1]] = value
            return


def satisfying(rng: Random, names: list[str], facts: list[Tree]) -> list[dict[str, int]]:
    result = []
    for env in environments(rng, names, facts):
        try:
            if all(truth(f, env) for f in facts):
                result.append(env)
        except NoValue:
            continue
    return result


def one_program(seed: int) -> str:
    """Random facts, then queries; every answer is compared with all sampled values that satisfy the facts."""
    rng = Random(seed)
    names = rng.sample(sorted(BOUNDS), rng.randint(1, 4))
    trees: list[Tree] = []
    facts = Facts()
    outcome = "none"
    for _ in range(rng.randint(0, 3)):
        try:
            tree, cond = random_cond(rng, 1, names)
        except (TooLarge, Undefined):
            continue
        if satisfying(rng, names, [*trees, tree]) or rng.random() < 0.1:
            trees.append(tree)
            facts = facts.assume(cond)
    envs = satisfying(rng, names, trees)
    where = (seed, [str(c) for c in facts.given])
    assert not (facts.contradictory and envs), where
    for _ in range(4):
        try:
            tree, cond = random_cond(rng, 1, names)
        except (TooLarge, Undefined):
            continue
        verdict = facts.decide(cond)
        if verdict is Verdict.OPEN:
            continue
        outcome = verdict.value
        for env in envs:
            try:
                value = truth(tree, env)
            except NoValue:
                continue
            if not facts.contradictory:
                assert value is (verdict is Verdict.PROVED), (*where, str(cond), verdict, env)
    check_simplify(rng, facts, names, envs)
    return outcome


def check_simplify(rng: Random, facts: Facts, names: list[str], envs: list[dict[str, int]]) -> None:
    tree = random_tree(rng, 2, names)
    try:
        d = built(tree)
    except (TooLarge, Undefined):
        return
    simple = facts.simplify(d)
    assert simple.symbols <= d.symbols.union(*(c.symbols for c in facts.given)), (str(d), facts.given)
    low, high = facts.lower(d), facts.upper(d)
    for env in envs:
        try:
            value = plain(tree, env)
            assert simple.evaluate(env) == value, (str(d), str(simple), [str(c) for c in facts.given], env)
        except (NoValue, TooLarge):
            continue
        assert low is None or low <= value, (str(d), [str(c) for c in facts.given], env)
        assert high is None or value <= high, (str(d), [str(c) for c in facts.given], env)


@given(st.integers(0, 2**32))
@settings(max_examples=250, deadline=None)
def test_verdicts_agree_with_enumeration(seed: int) -> None:
    one_program(seed)


def test_verdicts_are_often_reached() -> None:
    """The random programs are no empty test: many of their conditions are decided."""
    outcomes = [one_program(seed) for seed in range(150)]
    assert outcomes.count("proved") > 20
    assert outcomes.count("refuted") > 20


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_negation_never_agrees(seed: int) -> None:
    rng = Random(seed)
    names = rng.sample(sorted(BOUNDS), 2)
    try:
        conds = [random_cond(rng, 1, names)[1] for _ in range(3)]
    except (TooLarge, Undefined):
        return
    facts = Facts().assume(conds[0]).assume(conds[1])
    if not facts.contradictory and facts.decide(conds[2]) is Verdict.PROVED:
        assert facts.decide(~conds[2]) is not Verdict.PROVED or facts.assume(conds[2]).contradictory


@pytest.mark.long
def test_many_random_programs() -> None:
    for seed in range(int(os.environ.get("SPECC_LONG", "100000"))):
        one_program(seed)


def test_what_is_assumed_is_proved() -> None:
    for seed in range(300):
        rng = Random(seed)
        try:
            cond = random_cond(rng, 0, ["N", "T", "D"], flags=False)[1]
        except (TooLarge, Undefined):
            continue
        if cond.op in ("==", "<=", ">=", "<", ">", "divides"):
            assert Facts().assume(cond).decide(cond) is Verdict.PROVED or cond == Cond.FALSE, str(cond)
