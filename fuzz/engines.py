"""Who thinks up inputs: atheris, guided by the code that an input reaches, or where that is missing a loop of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random

from fuzz.mutation import mutate

#: gives what came of an input, for telling new from old; ends the process when its time is over
Run = Callable[[bytes], object]


def guided() -> bool:
    """Whether atheris is there; it has no wheel for some versions of Python."""
    return find_spec("atheris") is not None


def instrument() -> None:
    """Before anything of the package is imported: let atheris see which code runs."""
    import atheris

    atheris.instrument_imports(include=["oversip_tw"]).__enter__()


def by_coverage(run: Run, seed: int, most: int, corpus: Path) -> None:
    """Inputs from ``corpus`` on, kept there when they reach something new. Does not return."""
    import atheris

    def changed(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.4:
            return bytes(atheris.Mutate(data, most))
        return mutate(data, random, most)

    arguments = [f"-seed={seed}", f"-max_len={most}", "-print_final_stats=0", "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *arguments], lambda data: run(data) and None, custom_mutator=changed)
    atheris.Fuzz()


def by_chance(run: Run, seed: int, most: int, seeds: Sequence[bytes], kept: Callable[[bytes], None]) -> None:
    """Inputs made of ``seeds``, and of those (given to ``kept``) that came to something new. Does not return."""
    random = Random(seed)
    corpus = list(seeds)
    known = {run(data) for data in corpus}
    while True:
        data = mutate(random.choice(corpus), random, most, corpus)
        outcome = run(data)
        if outcome not in known:
            known.add(outcome)
            corpus.append(data)
            kept(data)
