"""Programs built by hand, as the checker would: LeNet-5, and GPT-2 whole."""

from __future__ import annotations

from spec_lang.ir import model as m

Parts = tuple[m.Expr, ...]


def lit(value: bool | int | float | str | None) -> m.Literal_:
    return m.make(m.Literal_, value=value)


def tensor(*dims: str, dtype: str = "float") -> m.TensorType:
    return m.make(m.TensorType, dtype=dtype, dims=dims)


def name(id_: str, ref: str = "hyper", kind: m.Type | None = None) -> m.Name:
    return m.make(m.Name, id=id_, ref=ref, type=kind)


def local(id_: str, *dims: str, dtype: str = "float") -> m.Name:
    return name(id_, "local", tensor(*dims, dtype=dtype))


def kw(**values: m.Expr) -> tuple[m.Argument, ...]:
    return tuple(m.make(m.Argument, name=k, value=v) for k, v in values.items())


def call(
    to: str, name_: str, *args: m.Expr, kind: m.Type | None = None, style: str = "call", **kwargs: m.Expr
) -> m.Call:
    return m.make(m.Call, to=to, name=name_, args=args, kwargs=kw(**kwargs), type=kind, style=style)


def layer(id_: str, constructor: str, value: m.Expr) -> m.Layer:
    return m.make(m.Layer, name=id_, value=value)


def run(x: m.Expr, id_: str, constructor: str, *dims: str, style: str = "arrow") -> m.Call:
    callee = name(id_, "layer", m.make(m.ModuleType, name=constructor))
    return m.make(
        m.Call, to="apply", name="forward", callee=callee, args=(x,), style=style, type=tensor(*dims)
    )


def op(x: m.Expr, name_: str, *args: m.Expr, dims: tuple[str, ...], **kwargs: m.Expr) -> m.Call:
    return call("op", name_, x, *args, kind=tensor(*dims), style="arrow", **kwargs)


def assign(target: str, value: m.Expr) -> m.Assign:
    return m.make(m.Assign, target=m.make(m.Target, name=target), value=value)


def give(value: m.Expr) -> m.Return:
    return m.make(m.Return, value=value)


def hyper(name_: str, kind: str, default: m.Expr | None = None) -> m.Hyper:
    return m.make(m.Hyper, name=name_, type=m.make(m.ScalarType, name=kind), default=default)


def method(
    name_: str, inputs: dict[str, m.Type], result: m.Type | None, *body: m.Stmt, **more: object
) -> m.Method:
    return m.make(
        m.Method,
        name=name_,
        inputs=tuple(m.make(m.Input, name=k, type=t) for k, t in inputs.items()),
        results=() if result is None else (m.make(m.Result, type=result),),
        body=body,
        **more,
    )


def program(doc: str, module: str, *definitions: m.AnyDefinition) -> m.Program:
    file = m.make(m.File, path=f"{module}.nnspec", module=module, doc=doc)
    return m.make(m.Program, files=(file,), definitions=definitions)


def lenet5() -> m.Program:
    def linear(inputs: int, outputs: m.Expr) -> m.Call:
        return call("make", "Linear", lit(inputs), outputs)

    x = local("image", "N", "1", "32", "32")
    first = op(
        op(run(x, "conv1", "Conv2d", "N", "6", "28", "28"), "relu", dims=("N", "6", "28", "28")),
        "max_pool2d",
        lit(2),
        dims=("N", "6", "14", "14"),
    )
    second = op(
        op(
            run(local("x", "N", "6", "14", "14"), "conv2", "Conv2d", "N", "16", "12", "12"),
            "relu",
            dims=("N", "16", "12", "12"),
        ),
        "max_pool2d",
        lit(2),
        dims=("N", "16", "6", "6"),
    )
    last = op(local("x", "N", "16", "6", "6"), "flatten", lit(1), dims=("N", "576"))
    last = op(run(last, "fc1", "Linear", "N", "120"), "relu", dims=("N", "120"))
    last = op(run(last, "fc2", "Linear", "N", "84"), "relu", dims=("N", "84"))
    last = run(last, "fc3", "Linear", "N", "classes")
    loss = call(
        "op",
        "cross_entropy",
        local("logits", "N", "classes"),
        local("label", "N", dtype="int"),
        kind=tensor(),
    )
    block = m.make(
        m.Block,
        file=0,
        name="LeNet5",
        entry=True,
        hypers=(hyper("classes", "int", lit(10)),),
        members=(
            layer("conv1", "Conv2d", call("make", "Conv2d", lit(1), lit(6), lit(5))),
            layer("conv2", "Conv2d", call("make", "Conv2d", lit(6), lit(16), lit(3))),
            layer("fc1", "Linear", linear(576, lit(120))),
            layer("fc2", "Linear", linear(120, lit(84))),
            layer("fc3", "Linear", linear(84, name("classes"))),
        ),
        methods=(
            method(
                "forward",
                {"image": tensor("N", "1", "32", "32")},
                tensor("N", "classes"),
                assign("x", first),
                assign("x", second),
                give(last),
            ),
            method(
                "loss",
                {"logits": tensor("N", "classes"), "label": tensor("N", dtype="int")},
                None,
                give(loss),
            ),
        ),
    )
    return program("LeNet-5 (LeCun et al., 1998).", "lenet5", block)


def gpt2() -> m.Program:
    ntd = ("N", "T", "D")
    x = local("x", *ntd)
    dims = kw(D=name("D", "dim"))

    def linear(outputs: m.Expr) -> m.Call:
        return call("make", "Linear", name("D", "dim"), outputs)

    def norm(width: m.Expr) -> m.Call:
        return call("make", "LayerNorm", width)

    heads, p = name("heads"), name("p")
    mlp = m.make(
        m.Block,
        file=0,
        name="MLP",
        entry=False,
        hypers=(hyper("hidden", "int"), hyper("p", "float")),
        dims=("D",),
        members=(
            layer("c_fc", "Linear", linear(name("hidden"))),
            layer("c_proj", "Linear", call("make", "Linear", name("hidden"), name("D", "dim"))),
            layer("dropout", "Dropout", call("make", "Dropout", p)),
        ),
        methods=(
            method(
                "forward",
                {"x": tensor(*ntd)},
                tensor(*ntd),
                give(
                    run(
                        run(
                            op(
                                run(x, "c_fc", "Linear", "N", "T", "hidden"),
                                "gelu",
                                dims=("N", "T", "hidden"),
                                approximate=lit("tanh"),
                            ),
                            "c_proj",
                            "Linear",
                            *ntd,
                        ),
                        "dropout",
                        "Dropout",
                        *ntd,
                    )
                ),
            ),
        ),
    )
    split = op(
        run(x, "c_attn", "Linear", "N", "T", "3*D"),
        "rearrange",
        lit("n t (three h d) -> three n h t d"),
        dims=("3", "N", "heads", "T", "D//heads"),
        three=lit(3),
        h=heads,
    )
    per_head = ("N", "heads", "T", "D//heads")
    q, k, v = (local(n, *per_head) for n in "qkv")
    sdpa = call(
        "op",
        "scaled_dot_product_attention",
        q,
        k,
        v,
        kind=tensor(*per_head),
        dropout_p=p,
        is_causal=lit(True),
    )
    merged = op(local("y", *per_head), "rearrange", lit("n h t d -> n t (h d)"), dims=ntd)
    divides = m.make(
        m.Compare,
        first=m.make(m.Binary, op="%", left=name("D", "dim"), right=heads),
        ops=("==",),
        rest=(lit(0),),
    )
    targets = tuple(m.make(m.Target, name=n) for n in "qkv")
    attention = m.make(
        m.Block,
        file=0,
        name="Attention",
        entry=False,
        hypers=(hyper("heads", "int"), hyper("p", "float")),
        dims=("D",),
        requires=(
            m.make(
                m.Require, test=divides, message="heads must divide the model width", at="init", open=True
            ),
        ),
        members=(
            layer("c_attn", "Linear", linear(m.make(m.Binary, op="*", left=lit(3), right=name("D", "dim")))),
            layer("c_proj", "Linear", linear(name("D", "dim"))),
            layer("dropout", "Dropout", call("make", "Dropout", p)),
        ),
        methods=(
            method(
                "forward",
                {"x": tensor(*ntd)},
                tensor(*ntd),
                m.make(m.Assign, target=m.make(m.Target, items=targets), value=split),
                assign("y", sdpa),
                give(run(run(merged, "c_proj", "Linear", *ntd), "dropout", "Dropout", *ntd)),
            ),
        ),
    )

    def plus(a: m.Expr, b: m.Expr) -> m.Binary:
        return m.make(m.Binary, op="+", left=a, right=b, type=tensor(*ntd))

    def sub(a: str, a_type: str, b: str, b_type: str) -> m.Call:
        return run(run(x, a, a_type, *ntd), b, b_type, *ntd)

    four = m.make(m.Binary, op="*", left=lit(4), right=name("D", "dim"))
    decoder = m.make(
        m.Block,
        file=0,
        name="DecoderLayer",
        entry=False,
        hypers=(hyper("heads", "int"), hyper("p", "float")),
        dims=("D",),
        members=(
            layer("ln_1", "LayerNorm", norm(name("D", "dim"))),
            layer(
                "attn", "Attention", m.make(m.Call, to="block", name="Attention", args=(heads, p), dims=dims)
            ),
            layer("ln_2", "LayerNorm", norm(name("D", "dim"))),
            layer("mlp", "MLP", m.make(m.Call, to="block", name="MLP", args=(four, p), dims=dims)),
        ),
        methods=(
            method(
                "forward",
                {"x": tensor(*ntd)},
                tensor(*ntd),
                assign("x", plus(x, sub("ln_1", "LayerNorm", "attn", "Attention"))),
                give(plus(x, sub("ln_2", "LayerNorm", "mlp", "MLP"))),
            ),
        ),
    )
    width = name("dim")
    made = m.make(m.Call, to="block", name="DecoderLayer", args=(heads, p), dims=kw(D=width))
    generator = m.make(
        m.Generator, target=m.make(m.Target, name="i"), iterable=call("builtin", "range", name("depth"))
    )
    full = ("N", "T", "dim")
    xx = local("x", *full)
    positions = call("op", "arange", name("T", "dim"), kind=tensor("T", dtype="int"))
    embedded = plus(
        run(local("tokens", "N", "T", dtype="int"), "wte", "Embedding", *full, style="call"),
        run(positions, "wpe", "Embedding", "T", "dim", style="call"),
    ).model_copy(update={"type": tensor(*full)})
    chain = run(xx, "drop", "Dropout", *full)
    chain = m.make(
        m.Call,
        to="run",
        name="forward",
        callee=name("h", "layer"),
        args=(chain,),
        style="arrow",
        type=tensor(*full),
    )
    chain = run(run(chain, "ln_f", "LayerNorm", *full), "lm_head", "Linear", "N", "T", "vocab")
    short = m.make(m.Compare, first=name("T", "dim"), ops=("<=",), rest=(name("context"),))

    def path(id_: str) -> m.Attribute:
        return m.make(
            m.Attribute, value=name(id_, "layer", m.make(m.ModuleType, name="Linear")), name="weight"
        )

    model = m.make(
        m.Block,
        file=0,
        name="GPT2",
        entry=True,
        hypers=(
            m.make(
                m.Hyper,
                name="vocab",
                type=m.make(m.ScalarType, name="int"),
                default=m.make(m.Literal_, value=50257, text="50_257"),
            ),
            hyper("context", "int", lit(1024)),
            hyper("dim", "int", lit(768)),
            hyper("depth", "int", lit(12)),
            hyper("heads", "int", lit(12)),
            hyper("p", "float", lit(0.1)),
        ),
        members=(
            layer("wte", "Embedding", call("make", "Embedding", name("vocab"), width)),
            layer("wpe", "Embedding", call("make", "Embedding", name("context"), width)),
            layer("drop", "Dropout", call("make", "Dropout", p)),
            layer("h", "list", m.make(m.Comprehension, value=made, generators=(generator,))),
            layer("ln_f", "LayerNorm", norm(width)),
            layer("lm_head", "Linear", call("make", "Linear", width, name("vocab"), bias=lit(False))),
        ),
        ties=(m.make(m.Tie, left=path("lm_head"), right=path("wte")),),
        methods=(
            method(
                "forward",
                {"tokens": tensor("N", "T", dtype="int")},
                tensor("N", "T", "vocab"),
                assign("x", embedded),
                give(chain),
                dims=(
                    m.make(m.DimBinding, name="N", tensor=local("tokens", "N", "T", dtype="int"), axis=0),
                    m.make(m.DimBinding, name="T", tensor=local("tokens", "N", "T", dtype="int"), axis=1),
                ),
                checks=(m.make(m.Require, test=short, message="T <= context", at="call", open=True),),
            ),
        ),
    )
    return program("GPT-2 (Radford et al., 2019).", "gpt2", mlp, attention, decoder, model)
