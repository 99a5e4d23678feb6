"""What a model takes: parameters, FLOPs, memory, by layer and in all."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.accounting.cache import Cache, caches
from spec_lang.accounting.counts import Count, plus
from spec_lang.accounting.rows import Row, table
from spec_lang.accounting.sizes import Sizes
from spec_lang.accounting.tensors import item_size
from spec_lang.accounting.trace import Options, Trace, trace
from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.templates import BlockTemplate
from spec_lang.shapes import DType


class Summary(Frozen):
    """What a model takes.

    Attributes:
        name: The model.
        run: The run in evaluation.
        row: The model's own row.
        parameters: The learned numbers by dtype, shared ones once.
        buffers: The bytes of tensors that are not learned.
        training_flops: Of a forward pass as the model trains, with all gradients.
        peak: The most bytes of inputs and results at a time, in evaluation.
        training_peak: The bytes of the inputs and of all results, which training keeps for the gradients.
        cache: What decoding keeps, where there is a method for it.
        precision: What `float` is.
    """

    name: str
    run: Trace
    row: Row
    parameters: Mapping[str, int]
    buffers: int
    training_flops: Count
    peak: Count
    training_peak: Count
    cache: Cache | None
    precision: DType


def summarise(
    program: model.Program,
    name: str,
    overrides: Mapping[str, Host] | None = None,
    options: Options | None = None,
) -> Summary:
    """What the model or variant `name` takes, with `overrides` in place of its defaults.

    Raises:
        EvaluationError: a condition fails, or what the method does depends on a size that is not given.
        KeyError: the program has no such model.
    """
    options = options or Options()
    run = trace(program, name, overrides, options)
    trained = trace(program, name, overrides, options.replace(training=True))
    template = run.root.template
    assert isinstance(template, BlockTemplate)
    sizes = Sizes(run.state)
    parameters: dict[str, int] = {}
    buffers = 0
    for (dtype, learned), n in sizes.below(template, "").items():
        if learned:
            text = str(options.precision if dtype is DType.FLOAT else dtype)
            parameters[text] = parameters.get(text, 0) + n
        else:
            buffers += n * item_size(dtype, options.precision)
    return Summary(
        name,
        run,
        table(run.call, template, sizes),
        parameters,
        buffers,
        trained.flops,
        plus(run.given, run.call.peak),
        plus(trained.given, trained.call.made),
        next(caches(template, options.precision), None),
        options.precision,
    )
